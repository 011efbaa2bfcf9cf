package main

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/urfave/cli/v2"
)

// limits bound the requests that relay serve accepts and how long it keeps records.
type limits struct {
	maxBody, maxInFlight       int64         // bytes
	keepRequests, keepRejected time.Duration // 0: for ever
}

func limitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "max-body", EnvVars: []string{"RELAY_MAX_BODY"}, Value: "32MiB", Usage: "largest request body, decompressed"},
		&cli.StringFlag{
			Name: "max-in-flight", EnvVars: []string{"RELAY_MAX_IN_FLIGHT"}, Value: "256MiB",
			Usage: "bytes of request bodies in memory at once; requests beyond are answered with 429",
		},
		&cli.StringFlag{
			Name: "keep-requests", EnvVars: []string{"RELAY_KEEP_REQUESTS"}, Value: "30d",
			Usage: "how long relay.requests keeps refused requests (accepted ones stay in the log); 0: for ever",
		},
		&cli.StringFlag{
			Name: "keep-rejected", EnvVars: []string{"RELAY_KEEP_REJECTED"}, Value: "30d",
			Usage: "how long rejected bodies are kept; 0: for ever",
		},
	}
}

func readLimits(c *cli.Context) (l limits, err error) {
	for flag, size := range map[string]*int64{"max-body": &l.maxBody, "max-in-flight": &l.maxInFlight} {
		if *size, err = parseSize(c.String(flag)); err != nil {
			return l, usageError{fmt.Errorf("--%s: %w", flag, err)}
		}
	}
	for flag, time := range map[string]*time.Duration{"keep-requests": &l.keepRequests, "keep-rejected": &l.keepRejected} {
		if *time, err = parseAge(c.String(flag)); err != nil {
			return l, usageError{fmt.Errorf("--%s: %w", flag, err)}
		}
	}
	return l, nil
}

// parseAge reads a time such as 30d, 12h or 1w2d.
func parseAge(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time such as 30d, 12h or 1w2d, or 0 (for ever)", text)
	}
	return time.Duration(d), nil
}
