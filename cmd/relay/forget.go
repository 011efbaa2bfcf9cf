package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/ingeststore"
	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/lookupstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/erasure"
)

func forgetCommand() *cli.Command {
	return &cli.Command{
		Name: "forget", Usage: "erase one person: profile, events, calls in the log, rejected bodies", ArgsUsage: "ID",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "suppress", Usage: "also drop all later calls of the person"},
			&cli.BoolFlag{Name: "unsuppress", Usage: "erase nothing; accept calls of the person again"}, jsonFlag,
		},
		Description: "Under identity: join in the mapping, the person is every id that is joined to ID. An erasure cannot\n" +
			"be undone. The log keeps an entry that says how many calls were erased, but not whose.",
		Action: with(forget),
	}
}

func forget(c *cli.Context, s *system) error {
	id, err := personID(c)
	if err != nil {
		return err
	}
	if c.Bool("suppress") && c.Bool("unsuppress") {
		return usageError{errors.New("--suppress and --unsuppress do not go together")}
	}
	suppressed, err := ingeststore.NewSuppressed(c.Context, s.db)
	if err != nil {
		return err
	}
	if c.Bool("unsuppress") {
		if err := suppressed.Remove(c.Context, id); err != nil {
			return err
		}
		return printUnsuppressed(c)
	}
	var done erasure.Forgotten
	if c.Bool("suppress") {
		suppressor := erasure.Suppressor{Store: suppressed, Forgetter: s.forgetter()}
		done, err = suppressor.Run(c.Context, id)
	} else {
		done, err = s.forgetter().Forget(c.Context, erasure.Person{ID: id})
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, done)
	}
	printForgotten(c, done)
	return nil
}

func printForgotten(c *cli.Context, done erasure.Forgotten) {
	if done.Calls == 0 && done.Rejected == 0 {
		printText(c, "nothing to erase: no call and no rejected body names this person")
	} else {
		printText(c, "erased %d calls in %d payloads, and %d rejected bodies", done.Calls, done.Payloads, done.Rejected)
	}
	if done.Suppressed {
		printText(c, "later calls of the person are dropped")
	}
}

// personID reads the one argument of commands about a person.
func personID(c *cli.Context) (string, error) {
	if err := wantArgs(c, 1, 1); err != nil {
		return "", err
	}
	if c.Args().First() == "" {
		return "", usageError{errors.New("ID must not be empty")}
	}
	return c.Args().First(), nil
}

func exportCommand() *cli.Command {
	return &cli.Command{
		Name: "export", Usage: "print everything about one person as JSON lines", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag},
		Description: "Each line is a JSON object whose kind is profile, channel, identity, event, rejected or call.",
		Action:      with(export),
	}
}

func export(c *cli.Context, s *system) error {
	id, err := personID(c)
	if err != nil {
		return err
	}
	lines, err := s.exporter().Export(c.Context, id, func(line []byte) error {
		_, err := fmt.Fprintf(c.App.Writer, "%s\n", line)
		return err
	})
	if err == nil && lines == 0 {
		return fmt.Errorf("person %q %w", id, app.ErrNotFound)
	}
	return err
}

func (s *system) exporter() *erasure.Exporter {
	return &erasure.Exporter{
		DB: s.database, Log: s.reader, Searcher: logstore.Searcher{},
		Generations: tables.Generations{}, Identities: tables.Identities{}, Rows: lookupstore.People{DB: s.db},
	}
}

func (s *system) forgetter() *erasure.Forgetter {
	return &erasure.Forgetter{
		DB: s.database, All: s.projections,
		Log: s.reader, Searcher: logstore.Searcher{}, Eraser: logstore.Eraser{}, Controls: s.controls,
		Generations: tables.Generations{}, Issues: tables.Issues{}, Reprojections: tables.Reprojections{DB: s.db},
		Erasures: tables.Erasures{}, Rejected: ingeststore.Rejected{DB: s.db}, Identities: tables.Identities{},
	}
}

func (s *system) deleteFollower() *erasure.DeleteFollower {
	return &erasure.DeleteFollower{Forgetter: s.forgetter(), Deletions: logstore.Deletions{}, Logger: s.logger}
}
