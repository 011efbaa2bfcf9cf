package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/replay"
	"relay/app/sample"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "rebuild on the side and compare, row by row, with the served rows",
		Description: "Prints the differences and ends with status 1 if there are any. With --person or --sample it\n" +
			"folds only some people's calls, in memory: quick with a log of any size, and possible while a\nre-projection runs.",
		Flags: []cli.Flag{
			projectionFlag,
			&cli.StringFlag{Name: "person", Usage: "verify the rows of one person only, by distinct_id"},
			&cli.IntFlag{Name: "sample", Usage: "about how many people to sample at random, and of about how many people to check events"},
			memoryFlag, jsonFlag,
		},
		Action: with(verify),
	}
}

func verify(c *cli.Context, s *system) error {
	chosen, err := s.choose(c.String("projection"))
	if err != nil {
		return err
	}
	if c.IsSet("person") && c.IsSet("sample") {
		return usageError{errors.New("--person and --sample do not go together")}
	}
	if err := checkSample(c); err != nil {
		return err
	}
	if err := s.limit(c); err != nil {
		return err
	}
	progress := newProgressView(c)
	results, err := verifier(c, s, progress)(c.Context, chosen)
	progress.finish()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = printJSON(c, results)
	} else {
		printVerified(c, results)
	}
	for _, r := range results {
		if r.Differences > 0 {
			return silentFailure{}
		}
	}
	return err
}

// verifier returns a verification of everybody, one person, or a sample.
func verifier(c *cli.Context, s *system, progress *progressView) func(context.Context, []app.Projection) ([]replay.Verified, error) {
	switch {
	case c.IsSet("person"):
		return func(ctx context.Context, chosen []app.Projection) ([]replay.Verified, error) {
			return s.sampler(progress.report).VerifyPerson(ctx, c.String("person"), chosen)
		}
	case c.IsSet("sample"):
		return func(ctx context.Context, chosen []app.Projection) ([]replay.Verified, error) {
			return s.sampler(progress.report).VerifySample(ctx, c.Int("sample"), chosen)
		}
	}
	return (&replay.Checker{Builder: s.builder(progress.report)}).Verify
}

func (s *system) sampler(report func(replay.Progress)) *sample.Sampler {
	return &sample.Sampler{
		Store: s.store(), Scratch: s.database, Searcher: logstore.Searcher{}, Numbers: tables.Generations{}, Links: tables.Identities{},
		Workers: logWorkers, Report: report,
	}
}

// checkSample refuses samples that are empty or too large for memory.
func checkSample(c *cli.Context) error {
	if n := c.Int("sample"); c.IsSet("sample") && (n < 1 || n > sample.MaxSample) {
		return usageError{fmt.Errorf("--sample %d: must be from 1 to %d; leave it out to check everybody", n, sample.MaxSample)}
	}
	return nil
}

func printVerified(c *cli.Context, results []replay.Verified) {
	for _, r := range results {
		if r.Differences == 0 && r.BasedOn != nil && r.BasedOn.Calls == 0 {
			printText(c, "%s, nothing to compare: no calls up to log offset %d, and no rows", r.Projection, r.UpTo)
			continue
		}
		if r.Differences == 0 {
			printText(c, "%s%s: the same as a replay of the log up to offset %d", r.Projection, basisText(r.BasedOn), r.UpTo)
			continue
		}
		printText(c, "%s%s: %d differences from a replay of the log up to offset %d", r.Projection, basisText(r.BasedOn), r.Differences, r.UpTo)
		for _, d := range r.Examples {
			printText(c, "  %s %s\n    served:  %s\n    rebuilt: %s", d.Table, d.Key, app.RowText(d.Served), app.RowText(d.Rebuilt))
		}
	}
}

// basisText says how many people and calls a sample covered.
func basisText(b *replay.Basis) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf(", %s in %s", number(b.People, "person", "people"), number(int(b.Calls), "call", "calls"))
}

func number(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
