package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/eventlog"
	"relay/adapters/postgres"
	"relay/app"
)

func profilesCommand() *cli.Command {
	return &cli.Command{
		Name: "profiles", Usage: "look up people",
		Subcommands: []*cli.Command{{
			Name: "show", Usage: "one person: profile, channels, last events", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag},
			Action: with(func(c *cli.Context, s *system) error {
				if err := wantArgs(c, 1, 1); err != nil {
					return err
				}
				person, err := postgres.People{DB: s.db}.Show(c.Context, c.Args().First())
				if err != nil {
					return err
				}
				return printJSON(c, person)
			}),
		}},
	}
}

func logCommand() *cli.Command {
	return &cli.Command{
		Name: "log", Usage: "look into the log",
		Subcommands: []*cli.Command{
			{
				Name: "tail", Usage: "payloads as they arrive, one JSON object a line, until interrupted",
				Flags:  []cli.Flag{&cli.IntFlag{Name: "last", Value: 10, Usage: "begin with that many that are there already"}, &cli.BoolFlag{Name: "no-follow", Usage: "end after those"}, jsonFlag},
				Action: with(logTail),
			},
			{Name: "show", Usage: "one entry of the log", ArgsUsage: "OFFSET", Flags: []cli.Flag{jsonFlag}, Action: with(logShow)},
		},
	}
}

func logTail(c *cli.Context, s *system) error {
	tail := postgres.LogTail{DB: s.db}
	after, err := tail.Before(c.Context, c.Int("last"))
	for err == nil {
		var lines []string
		if lines, after, err = tail.Next(c.Context, after); err != nil {
			break
		}
		for _, line := range lines {
			printText(c, "%s", line)
		}
		if len(lines) > 0 {
			continue
		}
		if c.Bool("no-follow") {
			return nil
		}
		select {
		case <-c.Context.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	if c.Context.Err() != nil {
		return nil
	}
	return err
}

func logShow(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	offset, err := strconv.ParseInt(c.Args().First(), 10, 64)
	if err != nil {
		return usageError{fmt.Errorf("a log offset is a number, got %q", c.Args().First())}
	}
	line, err := postgres.LogTail{DB: s.db}.Show(c.Context, offset)
	if err != nil {
		return err
	}
	printText(c, "%s", line)
	return nil
}

func rejectedCommand() *cli.Command {
	return &cli.Command{
		Name: "rejected", Usage: "request bodies that could not go into the log",
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "the newest first", Flags: []cli.Flag{&cli.IntFlag{Name: "limit", Value: 50, Usage: "how many"}, jsonFlag}, Action: with(rejectedList)},
			{Name: "show", Usage: "one body, as it came", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag}, Action: with(rejectedShow)},
			{Name: "retry", Usage: "try to put one into the log again", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag}, Action: with(rejectedRetry)},
		},
	}
}

type rejectedOutput struct {
	ID         int64      `json:"id"`
	RequestID  string     `json:"request_id"`
	ReceivedAt time.Time  `json:"received_at"`
	Source     string     `json:"source"`
	Route      string     `json:"route"`
	Code       string     `json:"code"`
	Message    string     `json:"message"`
	RetriedAt  *time.Time `json:"retried_at,omitempty"`
	Body       []byte     `json:"body"` // base64
}

func rejectedJSON(e app.RejectedEntry) rejectedOutput {
	return rejectedOutput{e.ID, e.RequestID, e.ReceivedAt, e.Source, e.Route, e.Code, e.Message, e.RetriedAt, e.Body}
}

func rejectedList(c *cli.Context, s *system) error {
	list, err := postgres.Rejected{DB: s.db}.List(c.Context, c.Int("limit"))
	if err != nil {
		return err
	}
	out, rows := []rejectedOutput{}, []table.Row{}
	for _, e := range list {
		out = append(out, rejectedJSON(e))
		retried := ""
		if e.RetriedAt != nil {
			retried = when(*e.RetriedAt)
		}
		rows = append(rows, table.Row{e.ID, when(e.ReceivedAt), e.Source, e.Code, len(e.Body), e.Message, retried})
	}
	if c.Bool("json") {
		return printJSON(c, out)
	}
	printTable(c, table.Row{"id", "received", "source", "code", "bytes", "message", "retried"}, rows)
	return nil
}

func rejectedID(c *cli.Context) (int64, error) {
	if err := wantArgs(c, 1, 1); err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(c.Args().First(), 10, 64)
	if err != nil {
		return 0, usageError{fmt.Errorf("a rejected body has a number, got %q", c.Args().First())}
	}
	return id, nil
}

func rejectedShow(c *cli.Context, s *system) error {
	id, err := rejectedID(c)
	if err != nil {
		return err
	}
	e, err := postgres.Rejected{DB: s.db}.Get(c.Context, id)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, rejectedJSON(e))
	}
	say(c, "%s from %s at %s: %s: %s", e.Route, e.Source, when(e.ReceivedAt), e.Code, e.Message)
	_, err = c.App.Writer.Write(e.Body)
	return err
}

func rejectedRetry(c *cli.Context, s *system) error {
	id, err := rejectedID(c)
	if err != nil {
		return err
	}
	appender, err := eventlog.NewAppender(s.db, eventlog.AppenderConfig{})
	if err != nil {
		return err
	}
	defer appender.Close()
	suppressed, err := postgres.NewSuppressed(c.Context, s.db)
	if err != nil {
		return err
	}
	retry := app.Retry{Suppressed: suppressed, Store: postgres.Rejected{DB: s.db}, Log: appender, Now: time.Now}
	receipt, err := retry.Run(c.Context, id)
	if err != nil {
		return fmt.Errorf("rejected body %d stays where it is: %w", id, err)
	}
	if c.Bool("json") {
		return printJSON(c, map[string]any{"id": id, "calls": receipt.Calls, "rejected": receipt.Rejected})
	}
	printText(c, "rejected body %d is in the log now: %d calls, %d of them unusable", id, receipt.Calls, receipt.RejectedCount)
	return nil
}

func issuesCommand() *cli.Command {
	return &cli.Command{
		Name: "issues", Usage: "what the projections had to ignore and why", Flags: []cli.Flag{jsonFlag},
		Action: with(func(c *cli.Context, s *system) error {
			list, err := postgres.Issues(c.Context, s.db)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, list)
			}
			var rows []table.Row
			for _, i := range list {
				rows = append(rows, table.Row{i.Count, i.Code, i.Source, i.Detail, when(i.LastSeenAt), i.ExampleOffset})
			}
			printTable(c, table.Row{"count", "code", "source", "detail", "last seen", "example offset"}, rows)
			return nil
		}),
	}
}
