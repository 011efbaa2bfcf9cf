package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
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
	return printPreview(c, preview)
}

func printPreview(c *cli.Context, preview app.Preview) error {
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
		printText(c, "\n%s: its rows stay as they are", p.Projection)
		return
	}
	printText(c, "\n%s: %s", p.Projection, strings.Join(p.Parts, ", "))
	var rows []table.Row
	for _, count := range p.Counts {
		rows = append(rows, table.Row{count.What, count.Count})
	}
	printTable(c, table.Row{"what would change", "rows"}, rows)
	printIgnored(c, p.Issues)
	printExamples(c, p.Examples)
}

func printIgnored(c *cli.Context, issues []app.IssueChange) {
	if len(issues) == 0 {
		return
	}
	var rows []table.Row
	for _, issue := range issues {
		rows = append(rows, table.Row{issue.Code, issue.Before, issue.After})
	}
	printTable(c, table.Row{"what is ignored", "now", "then"}, rows)
}

func printExamples(c *cli.Context, examples []app.Difference) {
	if len(examples) == 0 {
		return
	}
	var rows []table.Row
	for _, d := range examples {
		rows = append(rows, exampleRows(d)...)
	}
	printTable(c, table.Row{"for example", "column", "before", "after"}, rows)
}

// exampleRows is a row before and after: the columns that differ.
func exampleRows(d app.Difference) (rows []table.Row) {
	name := d.Key
	if d.Table != "events" {
		name = d.Table + " " + d.Key
	}
	before, after := columnsOf(d.Served), columnsOf(d.Rebuilt)
	if before == nil || after == nil {
		return []table.Row{{name, "", orMissing(d.Served), orMissing(d.Rebuilt)}}
	}
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, column := range slices.Sorted(maps.Keys(all)) {
		if !bytes.Equal(before[column], after[column]) {
			rows = append(rows, table.Row{name, column, string(before[column]), string(after[column])})
		}
	}
	return rows
}

// columnsOf returns a row's columns as JSON; nil where there is no row.
func columnsOf(row string) (columns map[string]json.RawMessage) {
	if err := json.Unmarshal([]byte(row), &columns); err != nil {
		return nil
	}
	return columns
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
