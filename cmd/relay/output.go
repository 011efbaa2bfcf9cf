package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

var jsonFlag = &cli.BoolFlag{Name: "json", Usage: "print JSON"}

// printJSON prints one value.
func printJSON(c *cli.Context, value any) error {
	encoder := json.NewEncoder(c.App.Writer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// printTable prints rows under a header.
func printTable(c *cli.Context, header table.Row, rows []table.Row) {
	printTableWithin(c, 0, header, rows)
}

// printTableWithin wraps cells that are wider than width characters; 0: no limit.
func printTableWithin(c *cli.Context, width int, header table.Row, rows []table.Row) {
	t := table.NewWriter()
	var columns []table.ColumnConfig
	for i := range header {
		columns = append(columns, table.ColumnConfig{Number: i + 1, WidthMax: width})
	}
	t.SetColumnConfigs(columns)
	t.SetOutputMirror(c.App.Writer)
	t.SetStyle(table.StyleLight)
	t.Style().Options.SeparateRows = false
	t.Style().Format.Header = 0
	t.AppendHeader(header)
	t.AppendRows(rows)
	t.Render()
}

// printText prints a line of data.
func printText(c *cli.Context, format string, args ...any) {
	fmt.Fprintf(c.App.Writer, format+"\n", args...)
}

// say prints a message.
func say(c *cli.Context, format string, args ...any) {
	fmt.Fprintf(c.App.ErrWriter, format+"\n", args...)
}

// when formats a time for people.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// isTerminal reports whether messages go to a terminal.
func isTerminal(c *cli.Context) bool {
	f, ok := c.App.ErrWriter.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
