package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"relay/app/lookup"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

func logCommand() *cli.Command {
	return &cli.Command{
		Name: "log", Usage: "read the log",
		Subcommands: []*cli.Command{
			{
				Name: "tail", Usage: "print the last payloads, a line for each call; with --json, a JSON object for each payload",
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "keep printing payloads as they arrive, until interrupted"},
					&cli.IntFlag{Name: "last", Value: 10, Usage: "how many existing payloads to begin with"},
					&cli.StringFlag{Name: "source", Usage: "only payloads sent with the API key of this name"},
					&cli.StringSliceFlag{Name: "type", Usage: "only calls of this type, or control for entries that relay wrote itself; may be repeated"},
					&cli.StringFlag{Name: "person", Usage: "only calls with this userId, anonymousId or previousId"},
					&cli.StringFlag{Name: "event", Usage: "only calls with this event name, as it was sent"},
					&cli.BoolFlag{Name: "no-follow", Hidden: true},
					jsonFlag,
				},
				Action: with(logTail),
			},
			{Name: "show", Usage: "print one entry of the log", ArgsUsage: "OFFSET", Flags: []cli.Flag{jsonFlag}, Action: with(logShow)},
		},
	}
}

func (s *system) tail() *lookup.Tail { return &lookup.Tail{DB: s.database, Log: s.reader} }

func logTail(c *cli.Context, s *system) error {
	filter, err := tailFilter(c)
	if err != nil {
		return err
	}
	show := showCalls
	if c.Bool("json") {
		show = showJSON
	}
	after, err := s.tail().Find(c.Context, c.Int("last"), filter)
	for err == nil {
		former := after
		after, err = s.tail().Next(c.Context, after, filter, func(e lookup.TailEntry) error { return show(c, e) })
		if err != nil || after > former {
			continue
		}
		if !c.Bool("follow") {
			return nil
		}
		select {
		case <-c.Context.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	if c.Context.Err() != nil {
		return nil // an interrupt is the normal end
	}
	return err
}

func tailFilter(c *cli.Context) (f lookup.TailFilter, err error) {
	f.Source, f.Person, f.Event = c.String("source"), c.String("person"), c.String("event")
	for _, name := range c.StringSlice("type") {
		kind := segment.KindOfType(name)
		if name == "control" {
			kind = segment.Control
		}
		if kind == 0 {
			return f, usageError{fmt.Errorf("--type %q: the types are identify, track, page, screen, group, alias, delete and control", name)}
		}
		f.Kinds |= kind
	}
	return f, nil
}

func logShow(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	offset, err := strconv.ParseInt(c.Args().First(), 10, 64)
	if err != nil {
		return usageError{fmt.Errorf("OFFSET must be a number, got %q", c.Args().First())}
	}
	return s.tail().Show(c.Context, eventlog.Offset(offset), func(e lookup.TailEntry) error { return showJSON(c, e) })
}

// loggedEntry is an entry as JSON.
type loggedEntry struct {
	Offset     eventlog.Offset `json:"log_offset"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     string          `json:"source"`
	Route      string          `json:"route"`
	Calls      []loggedCall    `json:"calls"` // those that match the filter
	Body       json.RawMessage `json:"body"`
}

type loggedCall struct {
	Index  int    `json:"index"`
	Type   string `json:"type"`
	Person string `json:"person"`
	What   string `json:"what"`
}

func callsOf(e lookup.TailEntry) []loggedCall {
	calls := make([]loggedCall, len(e.Calls))
	for i := range e.Calls {
		call := &e.Calls[i]
		calls[i] = loggedCall{Index: call.Index, Type: call.Kind.String(), Person: lookup.PersonOf(call), What: lookup.WhatOf(call)}
	}
	return calls
}

// showJSON prints an entry on a line of its own.
func showJSON(c *cli.Context, e lookup.TailEntry) error {
	body := json.RawMessage(e.Payload)
	if !json.Valid(body) { // nested deeper than encoding/json reads
		body, _ = json.Marshal(string(e.Payload)) // text always marshals
	}
	encoder := json.NewEncoder(c.App.Writer)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(loggedEntry{e.Offset, e.ReceivedAt.Time(), e.Source, e.Route, callsOf(e), body})
}

// showCalls prints each call of an entry on a line of its own.
func showCalls(c *cli.Context, e lookup.TailEntry) error {
	line := func(offset, kind, person, what string) {
		printText(c, "%-10s %s  %-14s %-8s  %-24s  %s",
			offset, when(e.ReceivedAt.Time()), printable(e.Source), kind, printable(person), printable(what))
	}
	offset := fmt.Sprint(e.Offset)
	if e.Kinds.Has(segment.Control) {
		content, _ := segment.ValueOf(e.Payload) // an unreadable entry has no name
		member, _ := content.Get("relay")
		what, _ := member.Text()
		line(offset, "control", "", what)
	}
	for _, call := range callsOf(e) {
		line(fmt.Sprintf("%s.%d", offset, call.Index), call.Type, call.Person, call.What)
	}
	return nil
}

// printable replaces control characters, which could move the cursor or worse:
// senders choose these texts.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
