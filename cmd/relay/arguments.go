package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts arguments into the order that the flag parser needs: global flags,
// then the command, its flags, and its positional arguments. Users may write flags
// anywhere; arguments after "--" keep their order.
func arrange(application *cli.App, args []string) []string {
	a := arrangement{global: application.Flags, commands: application.Commands}
	rest := args[min(1, len(args)):]
	for len(rest) > 0 {
		if rest[0] == "--" {
			break
		}
		rest = rest[a.take(rest):]
	}
	out := slices.Concat(args[:min(1, len(args))], a.globalFlags, a.path, a.flags)
	if len(a.positional) > 0 && strings.HasPrefix(a.positional[0], "-") {
		out = append(out, "--") // a lone dash or a negative number
	}
	return slices.Concat(out, a.positional, rest)
}

type arrangement struct {
	global   []cli.Flag
	commands []*cli.Command // those that can come next
	command  *cli.Command

	globalFlags, path, flags, positional []string
}

// take sorts the first argument, with its value if it is a flag that has one, and
// returns how many arguments it used.
func (a *arrangement) take(args []string) int {
	if !isFlag(args[0]) {
		a.takeWord(args[0])
		return 1
	}
	name, _, hasValue := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
	list, n := &a.flags, 1
	flag := a.find(name)
	if flag == nil {
		if flag = find(a.global, name); flag != nil {
			list = &a.globalFlags
		} else if a.command != nil && a.command.SkipFlagParsing {
			list = &a.positional // a flag of psql
		}
	}
	if _, isBool := flag.(*cli.BoolFlag); flag != nil && !isBool && !hasValue && len(args) > 1 {
		n = 2
	}
	*list = append(*list, args[:n]...)
	return n
}

// takeWord sorts a command's name or a positional argument.
func (a *arrangement) takeWord(word string) {
	for _, command := range a.commands {
		if command.HasName(word) {
			a.command, a.commands, a.path = command, command.Subcommands, append(a.path, word)
			return
		}
	}
	a.commands = nil
	a.positional = append(a.positional, word)
}

func (a *arrangement) find(name string) cli.Flag {
	if a.command == nil {
		return nil
	}
	return find(a.command.Flags, name)
}

func find(flags []cli.Flag, name string) cli.Flag {
	for _, flag := range flags {
		if slices.Contains(flag.Names(), name) {
			return flag
		}
	}
	return nil
}

// isFlag reports whether arg is a flag; a lone dash and negative numbers are not.
func isFlag(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && (arg[1] < '0' || arg[1] > '9')
}
