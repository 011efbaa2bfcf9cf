package main

import (
	"context"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/app"
	"relay/app/replay"
)

func dryRun(c *cli.Context, s *system, from replay.From, chosen []app.Projection) error {
	progress := newProgressView(c)
	preview, err := dryRunner(c, s, progress)(c.Context, from, chosen)
	progress.finish()
	if err != nil {
		return err
	}
	return printPreview(c, preview)
}

// dryRunner returns a dry run on everybody, or on a sample of people.
func dryRunner(
	c *cli.Context, s *system, progress *progressView,
) func(context.Context, replay.From, []app.Projection) (replay.Preview, error) {
	if !c.IsSet("sample") {
		return (&replay.Checker{Builder: s.builder(progress.report)}).DryRun
	}
	return func(ctx context.Context, from replay.From, chosen []app.Projection) (replay.Preview, error) {
		return s.sampler(progress.report).DryRun(ctx, from, c.Int("sample"), chosen)
	}
}

func printPreview(c *cli.Context, preview replay.Preview) error {
	if c.Bool("json") {
		return printJSON(c, preview)
	}
	printText(c, "Under mapping version %d from log offset %d on (nothing was changed):", preview.Version, preview.From)
	for _, p := range preview.Projections {
		printChanges(c, p)
	}
	return nil
}

func printChanges(c *cli.Context, p replay.PreviewChanges) {
	if !p.Rebuild {
		printText(c, "\n%s: no rows change", p.Projection)
		return
	}
	printText(c, "\n%s%s: %s", p.Projection, basisText(p.BasedOn), strings.Join(p.Parts, ", "))
	var rows []table.Row
	for _, count := range p.Counts {
		rows = append(rows, table.Row{count.What, count.Count})
	}
	printTable(c, table.Row{"what would change", "rows"}, rows)
	printIssueChanges(c, p.Issues)
	printExamples(c, p.Examples)
}

func printIssueChanges(c *cli.Context, issues []replay.IssueChange) {
	if len(issues) == 0 {
		return
	}
	var rows []table.Row
	for _, issue := range issues {
		rows = append(rows, table.Row{issue.Code, issue.Before, issue.After})
	}
	printTable(c, table.Row{"issue", "now", "then"}, rows)
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
		printText(c, "no re-projection is running")
		return nil
	}
	printText(c, "cancelled; the served rows have not changed")
	return nil
}
