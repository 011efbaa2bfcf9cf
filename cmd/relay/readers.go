package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/lookupstore"
	"relay/app/lookup"
)

func readersCommand() *cli.Command {
	return &cli.Command{
		Name: "readers", Usage: "users of the database who can read the public views, and nothing else",
		Subcommands: []*cli.Command{
			{
				Name: "create", Usage: "make one, or give it another password, and print its connection string", ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag},
				Description: "The connection string cannot be read again. With the embedded server it works on this machine, as long\nas a relay command (such as relay serve) runs.",
				Action:      with(readersCreate),
			},
			{Name: "list", Usage: "their names", Flags: []cli.Flag{jsonFlag}, Action: with(readersList)},
			{Name: "remove", Usage: "remove one", ArgsUsage: "NAME", Action: with(readersRemove)},
		},
	}
}

func (s *system) readers() lookupstore.Readers { return lookupstore.Readers{DB: s.db, URL: s.url} }

func readersCreate(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	name, readers := c.Args().First(), lookup.Readers{Store: s.readers()}
	url, err := readers.Set(c.Context, name)
	if errors.Is(err, lookup.ErrBadReaderName) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]string{"name": name, "url": url})
	}
	printText(c, "%s", url)
	say(c, "%s can read the views of the schema relay, and nothing else. Keep the connection string: its password is not kept.", name)
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
	say(c, "Removed %s. Connections that it has open go on until they end, and can read nothing any more.", c.Args().First())
	return nil
}
