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
		Name: "admin", Usage: "set or remove the console's password",
		Subcommands: []*cli.Command{
			{
				Name: "set-password", Usage: "set the password that the console asks for, on every address",
				Description: "Asks for the password on a terminal, and otherwise reads it from standard input. Stores only its\n" +
					"bcrypt hash. RELAY_ADMIN_PASSWORD, if relay serve has it, is used instead.",
				Action: with(adminSetPassword),
			},
			{
				Name: "remove-password", Usage: "remove the password; the console then opens without one, on loopback addresses only",
				Action: with(adminRemovePassword),
			},
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
	say(c, "The console now asks for this password. All earlier sessions have ended.")
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
		return "", errors.New("the two passwords differ; nothing was changed")
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
	say(c, "The console now opens without a password on loopback addresses, and is closed on all others.")
	return nil
}
