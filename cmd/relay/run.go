package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// Exit statuses.
const (
	exitDone  = 0
	exitFail  = 1
	exitUsage = 2
)

// usageError is wrong use of the command line, as opposed to a failure.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Run runs one relay command: data goes to out, messages to errOut. It returns
// the exit status: 0 done, 1 failed, 2 wrong use.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	application := newApp(out, errOut)
	err := application.RunContext(ctx, arrange(application, args))
	if err == nil {
		return exitDone
	}
	var silent silentFailure
	if !errors.As(err, &silent) {
		fmt.Fprintln(errOut, "relay:", err)
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFail
}

// silentFailure ends a command with status 1 after the command printed its own message.
type silentFailure struct{}

func (silentFailure) Error() string { return "failed" }

func newApp(out, errOut io.Writer) *cli.App {
	asUsage := func(_ *cli.Context, err error, _ bool) error { return usageError{err} }
	application := &cli.App{
		Name:  "relay",
		Usage: "an event-sourced relay for Segment with a replay engine",
		Description: "relay keeps every payload as it came, in a log. It builds profiles and events from the log\n" +
			"under a versioned mapping, and can apply a changed mapping to the past. Query them with SQL.",
		Writer:         out,
		ErrWriter:      errOut,
		Version:        readBuild().String(),
		Flags:          globalFlags(),
		OnUsageError:   asUsage,
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			serveCommand(), mappingCommand(), reprojectCommand(), verifyCommand(), keysCommand(),
			profilesCommand(), eventsCommand(), logCommand(), rejectedCommand(), issuesCommand(),
			forgetCommand(), suppressedCommand(), exportCommand(), adminCommand(),
			statusCommand(), doctorCommand(), migrateCommand(), urlCommand(), readersCommand(), psqlCommand(),
			versionCommand(),
		},
	}
	application.Action = func(c *cli.Context) error {
		if c.NArg() > 0 {
			return usageError{fmt.Errorf("no command %q; see relay --help", c.Args().First())}
		}
		return cli.ShowAppHelp(c)
	}
	setUsageErrors(application.Commands, asUsage)
	return application
}

// setUsageErrors makes wrong flags, unknown subcommands, and arguments of
// commands that take none end with a usageError.
func setUsageErrors(commands []*cli.Command, asUsage cli.OnUsageErrorFunc) {
	for _, command := range commands {
		command.OnUsageError = asUsage
		switch {
		case len(command.Subcommands) > 0:
			command.Action = wrongSubcommand
			setUsageErrors(command.Subcommands, asUsage)
		case command.ArgsUsage == "" && !command.SkipFlagParsing:
			command.Action = withoutArgs(command.Action)
		}
	}
}

// withoutArgs is the action of a command that takes no arguments.
func withoutArgs(do cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := wantArgs(c, 0, 0); err != nil {
			return err
		}
		return do(c)
	}
}

func wrongSubcommand(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageError{fmt.Errorf("no command %q in relay %s; see relay %s --help", c.Args().First(), c.Command.Name, c.Command.Name)}
	}
	return cli.ShowSubcommandHelp(c)
}

// wantArgs checks the number of arguments.
func wantArgs(c *cli.Context, least, most int) error {
	n := c.NArg()
	switch {
	case n >= least && n <= most:
		return nil
	case most == 0:
		return usageError{fmt.Errorf("%s takes no arguments; got %q", c.Command.HelpName, c.Args().First())}
	}
	return usageError{fmt.Errorf("%s takes %s; arguments given: %d", c.Command.HelpName, c.Command.ArgsUsage, n)}
}
