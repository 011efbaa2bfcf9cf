package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres"
	"relay/app"
)

func keysCommand() *cli.Command {
	return &cli.Command{
		Name: "keys", Usage: "API keys, one for each Segment source",
		Subcommands: []*cli.Command{
			{
				Name: "create", Usage: "make a key and print it; it cannot be read again", ArgsUsage: "NAME",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "signing-secret-file", Usage: "file with the secret that Segment signs with; requests without a right X-Signature are then refused"},
					jsonFlag,
				},
				Action: with(keysCreate),
			},
			{Name: "list", Usage: "all keys", Flags: []cli.Flag{jsonFlag}, Action: with(keysList)},
			{Name: "revoke", Usage: "refuse a key from now on (within a second)", ArgsUsage: "NAME", Action: with(keysRevoke)},
		},
	}
}

func (s *system) keys() *app.Keys { return &app.Keys{Store: postgres.Keys{DB: s.db}} }

func keysCreate(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	var signing []byte
	if name := c.String("signing-secret-file"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read the signing secret: %w", err)
		}
		if signing = bytes.TrimSpace(data); len(signing) == 0 {
			return fmt.Errorf("the signing secret file %s is empty", name)
		}
	}
	name := c.Args().First()
	secret, err := s.keys().Create(c.Context, name, signing)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]string{"name": name, "key": secret})
	}
	printText(c, "%s", secret)
	say(c, "This is the key %q. Keep it: only its hash is stored. Segment sends it as: Authorization: Bearer KEY", name)
	return nil
}

func keysList(c *cli.Context, s *system) error {
	list, err := s.keys().Store.List(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, list)
	}
	var rows []table.Row
	for _, k := range list {
		revoked, signed := "", "no"
		if k.RevokedAt != nil {
			revoked = when(*k.RevokedAt)
		}
		if k.Signed {
			signed = "yes"
		}
		rows = append(rows, table.Row{k.Name, when(k.CreatedAt), signed, revoked})
	}
	printTable(c, table.Row{"name", "created", "signed", "revoked"}, rows)
	return nil
}

func keysRevoke(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	if err := s.keys().Store.Revoke(c.Context, c.Args().First()); err != nil {
		return err
	}
	say(c, "Revoked %q.", c.Args().First())
	return nil
}
