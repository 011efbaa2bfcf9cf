package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/ingeststore"
	"relay/adapters/postgres/logstore"
	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

func rejectedCommand() *cli.Command {
	return &cli.Command{
		Name: "rejected", Usage: "request bodies that were rejected and kept outside the log",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list rejected bodies, the newest first", Action: with(rejectedList),
				Flags: append(rejectedFlags(), &cli.IntFlag{Name: "limit", Value: 50, Usage: "how many to list at most"}, jsonFlag),
			},
			{Name: "show", Usage: "print one body as it came", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag}, Action: with(rejectedShow)},
			{
				Name: "retry", Usage: "write bodies to the log after all, without checking their signatures", ArgsUsage: "ID...",
				Action: with(rejectedRetry),
				Flags: append(rejectedFlags(),
					&cli.BoolFlag{Name: "all", Usage: "retry every body that is not in the log yet, the oldest first"}, jsonFlag),
			},
		},
	}
}

func rejectedFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "source", Usage: "only bodies sent with the API key of this name"},
		&cli.StringFlag{Name: "code", Usage: "only bodies answered with this code, such as bad_signature"},
	}
}

func rejectedFilter(c *cli.Context) ingest.RejectedFilter {
	return ingest.RejectedFilter{Source: c.String("source"), Code: c.String("code")}
}

// rejectedOutput is a rejected body as JSON.
type rejectedOutput struct {
	ID         int64      `json:"id"`
	RequestID  string     `json:"request_id"`
	ReceivedAt time.Time  `json:"received_at"`
	Source     string     `json:"source"`
	Route      string     `json:"route"`
	Code       string     `json:"code"`
	Message    string     `json:"message"`
	Bytes      int        `json:"bytes"`
	RetriedAt  *time.Time `json:"retried_at"`     // null: not in the log
	Body       []byte     `json:"body,omitempty"` // base64; only where one is shown
}

func rejectedJSON(e ingest.RejectedEntry) rejectedOutput {
	return rejectedOutput{e.ID, e.RequestID, e.ReceivedAt, e.Source, e.Route, e.Code, e.Message, e.Bytes, e.RetriedAt, e.Body}
}

func rejectedList(c *cli.Context, s *system) error {
	list, err := ingeststore.Rejected{DB: s.db}.List(c.Context, rejectedFilter(c), math.MaxInt64, c.Int("limit"))
	if err != nil {
		return err
	}
	out, rows := []rejectedOutput{}, []table.Row{}
	for _, e := range list {
		out = append(out, rejectedJSON(e))
		rows = append(rows, table.Row{e.ID, when(e.ReceivedAt), e.Source, e.Code, e.Bytes, printable(e.Message), whenOr(e.RetriedAt, "")})
	}
	if c.Bool("json") {
		return printJSON(c, out)
	}
	printTable(c, table.Row{"id", "received", "source", "code", "bytes", "message", "retried"}, rows)
	return nil
}

func rejectedID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, usageError{fmt.Errorf("the ID of a rejected body is a number, got %q", text)}
	}
	return id, nil
}

func rejectedShow(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	id, err := rejectedID(c.Args().First())
	if err != nil {
		return err
	}
	e, err := ingeststore.Rejected{DB: s.db}.Get(c.Context, id)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, rejectedJSON(e))
	}
	say(c, "%s from %s at %s: %s: %s", e.Route, e.Source, when(e.ReceivedAt), e.Code, printable(e.Message))
	_, err = c.App.Writer.Write(e.Body)
	return err
}

// retried is the outcome of retrying one body.
type retried struct {
	ID       int64               `json:"id"`
	Calls    int                 `json:"calls"`
	Rejected []segment.Rejection `json:"rejected"` // unusable calls
	Dropped  int                 `json:"dropped"`  // calls of suppressed people
	Error    string              `json:"error,omitempty"`
}

func rejectedRetry(c *cli.Context, s *system) error {
	appender := logstore.NewAppender(s.db, logstore.AppenderConfig{})
	defer appender.Close()
	suppressed, err := ingeststore.NewSuppressed(c.Context, s.db)
	if err != nil {
		return err
	}
	retry := &ingest.Retry{Suppressed: suppressed, Store: ingeststore.Rejected{DB: s.db}, Log: appender, Now: time.Now}
	ids, err := rejectedIDs(c, retry)
	if err != nil {
		return err
	}
	list, failed, dropped := []retried{}, 0, 0
	for _, id := range ids {
		receipt, err := retry.Run(c.Context, id)
		if errors.Is(err, app.ErrUnavailable) || c.Context.Err() != nil {
			return err // the other bodies would fail too
		}
		one := retried{ID: id, Calls: receipt.Calls, Rejected: receipt.Unusable, Dropped: receipt.Dropped}
		switch {
		case err != nil:
			one.Error = err.Error()
			failed++
			say(c, "relay: rejected body %d was not written to the log: %s", id, printable(one.Error))
		case receipt.Suppressed:
			dropped++
		}
		if err == nil && !c.Bool("json") {
			printText(c, "rejected body %d %s", id, outcomeOf(receipt))
		}
		list = append(list, one)
	}
	switch {
	case c.Bool("json") && len(ids) == 1 && !c.Bool("all"):
		err = printJSON(c, list[0])
	case c.Bool("json"):
		err = printJSON(c, list)
	case c.Bool("all"):
		say(c, "%d of %d rejected bodies are in the log now.", len(ids)-failed-dropped, len(ids))
	}
	if failed > 0 {
		return errors.Join(err, silentFailure{})
	}
	return err
}

// outcomeOf says what happened to a body that was accepted or dropped.
func outcomeOf(r ingest.Receipt) string {
	if r.Suppressed {
		return "was dropped: all its calls are of suppressed people"
	}
	text := fmt.Sprintf("is in the log now: %d calls, %d of them unusable", r.Calls-r.Dropped, r.UnusableCount)
	if r.Dropped > 0 {
		text += fmt.Sprintf("; %d more, of suppressed people, were dropped", r.Dropped)
	}
	return text
}

// rejectedIDs returns the ids of the bodies to retry.
func rejectedIDs(c *cli.Context, retry *ingest.Retry) (ids []int64, err error) {
	if c.Bool("all") {
		if err := wantArgs(c, 0, 0); err != nil {
			return nil, err
		}
		return retry.Waiting(c.Context, rejectedFilter(c))
	}
	if c.IsSet("source") || c.IsSet("code") {
		return nil, usageError{errors.New("relay rejected retry takes --source and --code only with --all")}
	}
	if err := wantArgs(c, 1, math.MaxInt); err != nil {
		return nil, err
	}
	for _, text := range c.Args().Slice() {
		id, err := rejectedID(text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
