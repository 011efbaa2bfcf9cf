package main

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/lookupstore"
)

func profilesCommand() *cli.Command {
	return &cli.Command{
		Name: "profiles", Usage: "look up people",
		Subcommands: []*cli.Command{{
			Name: "show", Usage: "show one person: profile, channels, last events", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag},
			Action: with(func(c *cli.Context, s *system) error {
				if err := wantArgs(c, 1, 1); err != nil {
					return err
				}
				person, err := lookupstore.People{DB: s.db}.Person(c.Context, c.Args().First())
				if err != nil {
					return err
				}
				if person.NoProfile != "" {
					say(c, "%s has no profile. %s", person.ID, person.NoProfile)
				}
				return printJSON(c, person)
			}),
		}, {
			Name: "traits", Usage: "list the traits that people have, from a sample of a thousand people", Flags: []cli.Flag{jsonFlag},
			Action: with(profilesTraits),
		}},
	}
}

func profilesTraits(c *cli.Context, s *system) error {
	traits, err := lookupstore.TraitReader{DB: s.db}.Traits(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, traits)
	}
	var rows []table.Row
	for _, k := range traits.Keys {
		rows = append(rows, table.Row{printable(k.Path), k.People, printable(strings.Join(k.Examples, ", "))})
	}
	printTable(c, table.Row{"trait", "people", "examples"}, rows)
	return nil
}

func issuesCommand() *cli.Command {
	return &cli.Command{
		Name: "issues", Usage: "list what the projections ignored, and why", Flags: []cli.Flag{jsonFlag},
		Action: with(func(c *cli.Context, s *system) error {
			list, err := lookupstore.IssueList{DB: s.db}.Issues(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, list)
			}
			var rows []table.Row
			for _, i := range list {
				rows = append(rows, table.Row{i.Count, i.Code, i.Source, printable(i.Detail), when(i.LastSeenAt), i.ExampleOffset})
			}
			printTable(c, table.Row{"count", "code", "source", "detail", "last seen", "example offset"}, rows)
			return nil
		}),
	}
}
