package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"relay/adapters/postgres/lookupstore"
	"relay/app"
)

func adminCommand() *cli.Command {
	return &cli.Command{
		Name: "admin", Usage: "who may see the console",
		Subcommands: []*cli.Command{
			{
				Name: "set-password", Usage: "set the console's password, which is then asked for on every address",
				Description: "Asks for it on a terminal, and reads it from standard input elsewhere. Only its bcrypt hash\nis stored. RELAY_ADMIN_PASSWORD of relay serve counts before it.",
				Action:      with(adminSetPassword),
			},
			{Name: "remove-password", Usage: "open the console without a password, on loopback addresses only", Action: with(adminRemovePassword)},
		},
	}
}

func adminSetPassword(c *cli.Context, s *system) error {
	password, err := askPassword(c)
	if err != nil {
		return err
	}
	admin, err := app.NewAdminPassword(lookupstore.Password{DB: s.db}, "")
	if err != nil {
		return err
	}
	if err := admin.Set(c.Context, password); err != nil {
		return err
	}
	say(c, "The console asks for this password from now on. Sessions under another one have ended.")
	return nil
}

// askPassword asks twice on a terminal, without showing what is typed.
func askPassword(c *cli.Context) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		data, err := io.ReadAll(io.LimitReader(c.App.Reader, 4096))
		if err != nil {
			return "", fmt.Errorf("read the password from standard input: %w", err)
		}
		return strings.TrimRight(string(data), "\r\n"), nil
	}
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(c.App.ErrWriter, prompt)
		data, err := term.ReadPassword(int(os.Stdin.Fd()))
		say(c, "")
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(data)
	}
	if typed[0] != typed[1] {
		return "", errors.New("that was not the same password twice; nothing was changed")
	}
	return typed[0], nil
}

func adminRemovePassword(c *cli.Context, s *system) error {
	admin, err := app.NewAdminPassword(lookupstore.Password{DB: s.db}, "")
	if err != nil {
		return err
	}
	if err := admin.Remove(c.Context); err != nil {
		return err
	}
	say(c, "The console is open on loopback addresses, and closed on others.")
	return nil
}
