package main

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/lookupstore"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name: "events", Usage: "look up events by name, in the most recent part of the log",
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list event names, the most frequent first", Flags: []cli.Flag{jsonFlag}, Action: with(eventsList)},
			{
				Name: "show", Usage: "show the properties of one event, with types and examples", ArgsUsage: "NAME",
				Flags: []cli.Flag{jsonFlag}, Action: with(eventsShow),
			},
		},
	}
}

func eventsList(c *cli.Context, s *system) error {
	list, err := lookupstore.EventReader{DB: s.db}.Names(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, list)
	}
	var rows []table.Row
	for _, e := range list.Names {
		rows = append(rows, table.Row{printable(e.Name), e.Type, e.Count, e.Earlier, e.Later, when(e.LastAt)})
	}
	printTable(c, table.Row{"event", "type", "count", "first half", "second half", "last received"}, rows)
	return nil
}

func eventsShow(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	list, looked, err := lookupstore.EventReader{DB: s.db}.Properties(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]any{"looked_at": looked, "properties": list})
	}
	var rows []table.Row
	for _, p := range list {
		rows = append(rows, table.Row{printable(p.Key), p.Type, p.Count, printable(strings.Join(p.Examples, ", "))})
	}
	printTable(c, table.Row{"property", "type", "count", "examples"}, rows)
	return nil
}
