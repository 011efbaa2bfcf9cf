package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/app"
)

// exampleWidth is how many characters wide a column of examples may be.
const exampleWidth = 48

func printExamples(c *cli.Context, examples []app.Difference) {
	if len(examples) == 0 {
		return
	}
	var rows []table.Row
	for _, d := range examples {
		for _, change := range d.Changes() {
			rows = append(rows, table.Row{d.Key, change.What, change.Before, change.After})
		}
	}
	printTableWithin(c, exampleWidth, table.Row{"for example", "what", "before", "after"}, rows)
}
