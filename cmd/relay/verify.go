package main

import (
	"github.com/urfave/cli/v2"

	"relay/app"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "rebuild aside and compare, row by row, with what is being served",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "projection", Usage: "profiles or events; default: both"}, memoryFlag, jsonFlag,
		},
		Action: with(verify),
	}
}

func verify(c *cli.Context, s *system) error {
	chosen, err := s.choose(c.String("projection"))
	if err != nil {
		return err
	}
	if err := s.limit(c); err != nil {
		return err
	}
	progress := newProgressView(c)
	verifier := app.Verifier{Reprojector: s.reprojector(progress.report)}
	results, err := verifier.Verify(c.Context, chosen)
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

func printVerified(c *cli.Context, results []app.Verified) {
	for _, r := range results {
		if r.Differences == 0 {
			printText(c, "%s: the same as a replay of the log up to offset %d", r.Projection, r.UpTo)
			continue
		}
		printText(c, "%s: %d differences from a replay of the log up to offset %d", r.Projection, r.Differences, r.UpTo)
		for _, d := range r.Examples {
			printText(c, "  %s %s\n    served:  %s\n    rebuilt: %s", d.Table, d.Key, orMissing(d.Served), orMissing(d.Rebuilt))
		}
	}
}

func orMissing(row string) string {
	if row == "" {
		return "(no row)"
	}
	return row
}
