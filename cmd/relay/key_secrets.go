package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/ingeststore"
	"relay/app/ingest"
)

func secretsCommand() *cli.Command {
	return &cli.Command{
		Name: "secrets", Usage: "signing secrets of a key; a request must be signed with any one of them",
		Subcommands: []*cli.Command{
			{
				Name: "add", Usage: "add a signing secret", ArgsUsage: "NAME",
				Flags: []cli.Flag{signingSecretFlag("file with the secret"), jsonFlag}, Action: with(secretsAdd),
			},
			{
				Name: "list", Usage: "list when each secret was added and last used; the secrets are not shown", ArgsUsage: "NAME",
				Flags: []cli.Flag{jsonFlag}, Action: with(secretsList),
			},
			{Name: "remove", Usage: "remove a signing secret (within a second)", ArgsUsage: "NAME ID", Action: with(secretsRemove)},
		},
	}
}

func (s *system) signingSecrets() ingeststore.SigningSecrets {
	return ingeststore.SigningSecrets{DB: s.db}
}

func signingSecretFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "signing-secret-file", Usage: usage}
}

// readSigningSecret reads the file that the flag names. It trims white
// space around the secret, since files end in a line break.
func readSigningSecret(c *cli.Context) ([]byte, error) {
	name := c.String("signing-secret-file")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the signing secret: %w", err)
	}
	secret := bytes.TrimSpace(data)
	if len(secret) == 0 {
		return nil, fmt.Errorf("the signing secret file %s is empty", name)
	}
	if len(secret) > ingest.MaxSigningSecret {
		return nil, fmt.Errorf("the signing secret in %s has %d bytes; it may have %d", name, len(secret), ingest.MaxSigningSecret)
	}
	return secret, nil
}

func secretsAdd(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	if !c.IsSet("signing-secret-file") {
		return usageError{fmt.Errorf("relay keys secrets add needs --signing-secret-file: the file with the secret")}
	}
	secret, err := readSigningSecret(c)
	if err != nil {
		return err
	}
	name := c.Args().First()
	if err := s.signingSecrets().Add(c.Context, name, secret); err != nil {
		return err
	}
	list, err := s.signingSecrets().List(c.Context, name)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, list)
	}
	if len(list) == 1 {
		say(c, "Within a second, requests with the key %q must be signed with this secret. Others are refused, and Segment drops them.", name)
	} else {
		say(c, "Requests with the key %q may be signed with any of %d secrets.", name, len(list))
	}
	return nil
}

func secretsList(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	list, err := s.signingSecrets().List(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, list)
	}
	var rows []table.Row
	for _, secret := range list {
		rows = append(rows, table.Row{secret.ID, when(secret.AddedAt), whenOr(secret.LastUsedAt, "never")})
	}
	printTable(c, table.Row{"id", "added", "last used"}, rows)
	return nil
}

func secretsRemove(c *cli.Context, s *system) error {
	if err := wantArgs(c, 2, 2); err != nil {
		return err
	}
	name := c.Args().First()
	id, err := strconv.ParseInt(c.Args().Get(1), 10, 64)
	if err != nil {
		return usageError{fmt.Errorf("ID must be a number that relay keys secrets list %s shows; got %q", name, c.Args().Get(1))}
	}
	left, err := s.signingSecrets().Remove(c.Context, name, id)
	if err != nil {
		return err
	}
	if left == 0 {
		say(c, "Requests with the key %q no longer need a signature.", name)
	} else {
		say(c, "Requests with the key %q may be signed with any of %d secrets.", name, left)
	}
	return nil
}
