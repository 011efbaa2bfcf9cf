package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/ingeststore"
	"relay/app/ingest"
)

func keysCommand() *cli.Command {
	return &cli.Command{
		Name: "keys", Usage: "API keys, one for each Segment source",
		Subcommands: []*cli.Command{
			{
				Name: "create", Usage: "create a key and print it; the key cannot be shown again", ArgsUsage: "NAME",
				Flags: []cli.Flag{
					signingSecretFlag("file with the secret that Segment signs requests with; " +
						"requests without a valid X-Signature are refused"),
					jsonFlag,
				},
				Action: with(keysCreate),
			},
			{Name: "list", Usage: "list all keys, and when each was last used", Flags: []cli.Flag{jsonFlag}, Action: with(keysList)},
			{
				Name: "rotate", Usage: "create a new key of the same name and print it; the old key works until it is revoked", ArgsUsage: "NAME",
				Flags: []cli.Flag{jsonFlag}, Action: with(keysRotate),
			},
			{
				Name: "revoke", Usage: "revoke all keys of a name; requests with them are refused within a second", ArgsUsage: "NAME",
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "replaced", Usage: "revoke only the old keys that relay keys rotate replaced"},
				},
				Action: with(keysRevoke),
			},
			secretsCommand(),
		},
	}
}

func (s *system) keys() *ingest.Keys { return &ingest.Keys{Store: ingeststore.Keys{DB: s.db}} }

func keysCreate(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	var signing []byte
	if c.IsSet("signing-secret-file") {
		var err error
		if signing, err = readSigningSecret(c); err != nil {
			return err
		}
	}
	name := c.Args().First()
	secret, err := s.keys().Create(c.Context, name, signing)
	if err != nil {
		return err
	}
	if err := printKey(c, name, secret); err != nil {
		return err
	}
	say(c, "This is the key %q. Store it safely: relay keeps only its hash. Segment sends it as: Authorization: Bearer KEY", name)
	return nil
}

func keysRotate(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	name := c.Args().First()
	if name == ingest.EnvKeyName {
		return fmt.Errorf("the key %q comes from RELAY_API_KEY: create a key with relay keys create NAME, "+
			"and unset RELAY_API_KEY once all senders use the new key", name)
	}
	secret, err := s.keys().Rotate(c.Context, name)
	if err != nil {
		return err
	}
	if err := printKey(c, name, secret); err != nil {
		return err
	}
	say(c, "This is the new key %q; the old key still works. Once relay keys list shows that the old key is no longer used: "+
		"relay keys revoke %s --replaced", name, name)
	return nil
}

func printKey(c *cli.Context, name, secret string) error {
	if c.Bool("json") {
		return printJSON(c, map[string]string{"name": name, "key": secret})
	}
	printText(c, "%s", secret)
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
		created, signed := "by RELAY_API_KEY", "no"
		if !k.CreatedAt.IsZero() {
			created = when(k.CreatedAt)
		}
		if k.Signed {
			signed = "yes"
		}
		rows = append(rows, table.Row{k.Name, created, signed, whenOr(k.LastUsedAt, "never"), whenOr(k.ReplacedAt, ""), whenOr(k.RevokedAt, "")})
	}
	printTable(c, table.Row{"name", "created", "signed", "last used", "replaced", "revoked"}, rows)
	return nil
}

func keysRevoke(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	name, replaced := c.Args().First(), c.Bool("replaced")
	lastUsed, err := s.keys().Store.Revoke(c.Context, name, replaced)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%q", name)
	if replaced {
		what = fmt.Sprintf("every replaced key of %q", name)
	}
	say(c, "Revoked %s, last used: %s.", what, whenOr(lastUsed, "never"))
	return nil
}

// whenOr formats a time that may be missing.
func whenOr(t *time.Time, missing string) string {
	if t == nil {
		return missing
	}
	return when(*t)
}
