package logstore

import (
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/cenkalti/backoff/v5"
)

// pacer decides how long a subscriber waits before it looks for the next range:
// not at all while the log holds more than a range; a moment after the log's end
// was reached, since what one transaction handles shares its cost; a little
// more each time the log is idle; and ever longer while there are errors.
//
// The subscriber and the consumer take turns in using it.
type pacer struct {
	config     ConsumersConfig
	projection string
	next       expectation
	idle       time.Duration
	errors     *backoff.ExponentialBackOff
}

// expectation is what the last range told of the next one.
type expectation struct {
	more     bool // there is one already
	building bool // generations are built beside it
}

var _ watermillsql.BackoffManager = (*pacer)(nil)

func newPacer(config ConsumersConfig, projection string) *pacer {
	p := &pacer{config: config, projection: projection, errors: backoff.NewExponentialBackOff()}
	p.errors.InitialInterval = 50 * time.Millisecond
	p.errors.MaxInterval = 5 * time.Second
	return p
}

// HandleError implements watermillsql.BackoffManager: it is told after each look
// whether there was no range, and what failed.
func (p *pacer) HandleError(_ watermill.LoggerAdapter, idle bool, err error) time.Duration {
	if err != nil {
		wait := p.errors.NextBackOff()
		p.config.Logger.Error("a projection cannot go on and will try again", "projection", p.projection, "error", err, "in", wait)
		p.config.OnError(p.projection, err)
		return wait
	}
	p.errors.Reset()
	switch {
	case !idle && p.next.more:
		p.idle = 0
	case !idle && p.next.building:
		p.idle = p.config.PauseBesideBuild
	case !idle:
		p.idle = p.config.Pause
	default:
		p.idle = min(max(2*p.idle, time.Millisecond), p.config.MaxIdle)
	}
	return p.idle
}
