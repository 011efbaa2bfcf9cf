package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/lookupstore"
	"relay/app/lookup"
)

func readersCommand() *cli.Command {
	return &cli.Command{
		Name: "readers", Usage: "SQL users: they can read relay's views, and nothing else",
		Subcommands: []*cli.Command{
			{
				Name: "create", Usage: "create an SQL user, or give an existing one a new password, and print the connection string",
				ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag},
				Description: "The connection string cannot be shown again. With the embedded server it works on this machine only,\n" +
					"while a relay command (such as relay serve) runs.",
				Action: with(readersCreate),
			},
			{Name: "list", Usage: "list the names of SQL users", Flags: []cli.Flag{jsonFlag}, Action: with(readersList)},
			{Name: "remove", Usage: "remove an SQL user", ArgsUsage: "NAME", Action: with(readersRemove)},
		},
	}
}

func (s *system) readers() lookupstore.SQLUsers { return lookupstore.SQLUsers{DB: s.db, URL: s.url} }

func readersCreate(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	name, readers := c.Args().First(), lookup.SQLUsers{Store: s.readers()}
	url, err := readers.Set(c.Context, name)
	if errors.Is(err, lookup.ErrBadSQLUserName) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]string{"name": name, "url": url})
	}
	printText(c, "%s", url)
	say(c, "%s can read the views of the schema relay, and nothing else. "+
		"Store the connection string safely: relay does not keep its password.", name)
	return nil
}

func readersList(c *cli.Context, s *system) error {
	list, err := s.readers().List(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, list)
	}
	for _, name := range list {
		printText(c, "%s", name)
	}
	return nil
}

func readersRemove(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	if err := s.readers().Remove(c.Context, c.Args().First()); err != nil {
		return err
	}
	say(c, "Removed %s. Its open connections stay until they end, but can read nothing any more.", c.Args().First())
	return nil
}
