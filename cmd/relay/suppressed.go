package main

import (
	"errors"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/ingeststore"
	"relay/app/erasure"
)

func suppressedCommand() *cli.Command {
	return &cli.Command{
		Name: "suppressed", Usage: "persons whose calls are dropped (relay forget --suppress)",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "the last ones, or whether a user id or anonymous id is one's", ArgsUsage: "[ID]",
				Description: "Their ids are not kept, so that none can be shown: each has a mark, which tells two persons apart.",
				Flags:       []cli.Flag{&cli.IntFlag{Name: "limit", Value: 100, Usage: "how many to show at most"}, jsonFlag},
				Action:      with(suppressedList),
			},
			{
				Name: "lift", Usage: "take in again what is sent of the person", ArgsUsage: "[ID]",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "mark", Usage: "in place of ID: the mark that relay suppressed list shows"}, jsonFlag},
				Action: with(suppressedLift),
			},
		},
	}
}

func suppressedList(c *cli.Context, s *system) error {
	if err := wantArgs(c, 0, 1); err != nil {
		return err
	}
	if c.Int("limit") < 1 {
		return usageError{errors.New("--limit is a number from 1")}
	}
	store, err := ingeststore.NewSuppressed(c.Context, s.db)
	if err != nil {
		return err
	}
	list, total, err := erasure.ListSuppressed(c.Context, store, c.Args().First(), c.Int("limit"))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, list)
	}
	var rows []table.Row
	for _, p := range list {
		rows = append(rows, table.Row{p.Mark, p.IDs, when(p.Since), p.Dropped, whenOr(p.LastDroppedAt, "never")})
	}
	printTable(c, table.Row{"mark", "ids", "since", "calls dropped", "last"}, rows)
	if total > len(list) {
		say(c, "%d more; --limit shows them.", total-len(list))
	}
	return nil
}

func suppressedLift(c *cli.Context, s *system) error {
	if err := wantArgs(c, 0, 1); err != nil {
		return err
	}
	id, mark := c.Args().First(), c.String("mark")
	if (id == "") == (mark == "") {
		return usageError{errors.New("relay suppressed lift takes an ID, or --mark")}
	}
	store, err := ingeststore.NewSuppressed(c.Context, s.db)
	if err != nil {
		return err
	}
	if mark != "" {
		err = store.RemoveMarked(c.Context, mark)
	} else {
		err = store.Remove(c.Context, id)
	}
	if err != nil {
		return err
	}
	return printLifted(c)
}

// printLifted says that a person's calls are dropped no longer.
func printLifted(c *cli.Context) error {
	if c.Bool("json") {
		return printJSON(c, map[string]bool{"suppressed": false})
	}
	printText(c, "what is sent of the person is taken in again within %v", erasure.SuppressedWithin)
	return nil
}
