package main

import (
	"github.com/urfave/cli/v2"

	"relay/app"
)

func dryRun(c *cli.Context, s *system, from app.From, chosen []app.Projection) error {
	progress := newProgressView(c)
	preview, err := s.reprojector(progress.report).DryRun(c.Context, from, chosen)
	progress.finish()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, preview)
	}
	printText(c, "Under mapping version %d from log offset %d on (nothing was changed):", preview.Version, preview.From)
	for _, p := range preview.Projections {
		printChanges(c, p)
	}
	return nil
}

func printChanges(c *cli.Context, p app.PreviewChanges) {
	if !p.Rebuild {
		printText(c, "%s: its rows stay as they are", p.Projection)
		return
	}
	printText(c, "%s:", p.Projection)
	for _, count := range p.Counts {
		printText(c, "  %s: %d", count.What, count.Count)
	}
	for _, issue := range p.Issues {
		printText(c, "  ignored, %s: %d", issue.What, issue.Count)
	}
	for _, d := range p.Examples {
		printText(c, "  %s %s\n    before: %s\n    after:  %s", d.Table, d.Key, orMissing(d.Served), orMissing(d.Rebuilt))
	}
}

func cancelReprojection(c *cli.Context, s *system) error {
	found, err := s.reprojector(nil).Cancel(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]bool{"cancelled": found})
	}
	if !found {
		printText(c, "no re-projection runs")
		return nil
	}
	printText(c, "cancelled; the rows that people query are as they were")
	return nil
}
