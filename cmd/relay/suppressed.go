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
		Name: "suppressed", Usage: "people whose calls are dropped (see relay forget --suppress)",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list the people suppressed last, or check whether one id is suppressed", ArgsUsage: "[ID]",
				Description: "relay does not keep the ids of suppressed people, so the list shows a mark for each person instead.",
				Flags:       []cli.Flag{&cli.IntFlag{Name: "limit", Value: 100, Usage: "how many to list at most"}, jsonFlag},
				Action:      with(suppressedList),
			},
			{
				Name: "lift", Usage: "accept calls of the person again", ArgsUsage: "[ID]",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "mark", Usage: "the mark that relay suppressed list shows, instead of ID"}, jsonFlag},
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
		return usageError{errors.New("--limit must be at least 1")}
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
		say(c, "%d more; list them with a larger --limit.", total-len(list))
	}
	return nil
}

func suppressedLift(c *cli.Context, s *system) error {
	if err := wantArgs(c, 0, 1); err != nil {
		return err
	}
	id, mark := c.Args().First(), c.String("mark")
	if (id == "") == (mark == "") {
		return usageError{errors.New("relay suppressed lift takes either an ID or --mark")}
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
	return printUnsuppressed(c)
}

// printUnsuppressed says that calls of the person are accepted again.
func printUnsuppressed(c *cli.Context) error {
	if c.Bool("json") {
		return printJSON(c, map[string]bool{"suppressed": false})
	}
	printText(c, "calls of the person are accepted again within %v", erasure.SuppressedWithin)
	return nil
}
