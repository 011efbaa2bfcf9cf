package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/urfave/cli/v2"
)

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name: "migrate", Usage: "bring the database schema up to date (every other command does so too)", Flags: []cli.Flag{jsonFlag},
		Action: with(func(c *cli.Context, s *system) error {
			if c.Bool("json") {
				return printJSON(c, map[string]int{"migrations": s.migrated})
			}
			printText(c, "%d migrations ran; the schema is up to date", s.migrated)
			return nil
		}),
	}
}

func urlCommand() *cli.Command {
	return &cli.Command{
		Name: "url", Usage: "print the connection string of the database", Flags: []cli.Flag{jsonFlag},
		Description: "With the embedded server, the connection string works while a relay command (such as relay serve) runs.",
		Action: with(func(c *cli.Context, s *system) error {
			if c.Bool("json") {
				return printJSON(c, map[string]string{"url": s.url})
			}
			printText(c, "%s", s.url)
			return nil
		}),
	}
}

func psqlCommand() *cli.Command {
	return &cli.Command{
		Name: "psql", Usage: "run psql on the database; arguments go to psql", ArgsUsage: "[ARGUMENTS]",
		SkipFlagParsing: true,
		Action:          with(runPsql),
	}
}

func runPsql(c *cli.Context, s *system) error {
	path, err := s.psqlPath()
	if err != nil {
		return err
	}
	given := c.Args().Slice()
	if len(given) > 0 && given[0] == "--" {
		given = given[1:]
	}
	args := append([]string{s.url}, given...)
	command := exec.CommandContext(c.Context, path, args...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, c.App.Writer, c.App.ErrWriter
	err = command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("psql ended with status %d", exit.ExitCode())
	}
	return err
}

func (s *system) psqlPath() (string, error) {
	if path, err := exec.LookPath("psql"); err == nil {
		return path, nil
	}
	if s.embedded != nil {
		if path := s.embedded.Tool("psql"); path != "" {
			return path, nil
		}
	}
	return "", errors.New("psql is not installed; install a PostgreSQL client, or connect with any other to what relay url prints")
}
