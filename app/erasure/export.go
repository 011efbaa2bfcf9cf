package erasure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// PersonReader reads what there is of a person but for the log.
type PersonReader interface {
	// Whose returns the user whom an id stands for: the user of that id, or the one
	// whom the id was joined to. app.ErrNotFound: it stands for no user.
	Whose(ctx context.Context, tx app.Tx, id string) (user string, err error)
	// Rows calls each for every row of a group in the views and the rejected
	// store, as a JSON object whose key "kind" says what it is.
	Rows(ctx context.Context, tx app.Tx, g Group, each func(row []byte) error) error
}

// Exporter writes out everything about a person.
type Exporter struct {
	DB          app.Database
	Log         app.LogReader
	Searcher    app.LogSearcher
	Generations app.Generations
	Identities  Identities
	Rows        PersonReader
}

// exportedCall is a call as it came.
type exportedCall struct {
	Kind       string          `json:"kind"`
	LogOffset  eventlog.Offset `json:"log_offset"`
	LogIndex   int             `json:"log_index"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     string          `json:"source"`
	Route      string          `json:"route"`
	Call       json.RawMessage `json:"call"`
}

// Export calls write with one JSON object after the other, as of one moment, and
// returns how many there were.
func (x *Exporter) Export(ctx context.Context, id string, write func(line []byte) error) (lines int, err error) {
	counted := func(line []byte) error {
		lines++
		return write(line)
	}
	err = x.DB.InSnapshot(ctx, func(tx app.Tx) error {
		group, err := x.group(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := x.Rows.Rows(ctx, tx, group, counted); err != nil {
			return err
		}
		return x.calls(ctx, tx, group, counted)
	})
	if err != nil {
		return lines, fmt.Errorf("export a person: %w", err)
	}
	return lines, nil
}

// group returns the group of the user whom the id stands for. One that stands for
// no user is looked for as a user id and as an anonymous id.
func (x *Exporter) group(ctx context.Context, tx app.Tx, id string) (Group, error) {
	user, err := x.Rows.Whose(ctx, tx, id)
	if errors.Is(err, app.ErrNotFound) {
		return Group{Users: []string{id}, Anonymous: []string{id}}, nil
	}
	if err != nil {
		return Group{}, err
	}
	served, err := serving(ctx, tx, x.Generations)
	if err != nil {
		return Group{}, err
	}
	return x.Identities.Group(ctx, tx, idsOfGenerations(served), user)
}

func (x *Exporter) calls(ctx context.Context, tx app.Tx, g Group, write func([]byte) error) error {
	head, err := x.Log.Head(ctx, tx)
	if err != nil {
		return err
	}
	s := newSearch(nil, []Person{{}}, []Group{g})
	return app.ReadNaming(ctx, tx, x.Log, x.Searcher, eventlog.Range{UpTo: head}, app.AllKinds, s.names(), func(e *eventlog.Entry) (failed error) {
		_, _, err := s.parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
			if failed == nil && s.isTheirs(segment.IDsOf(part)) {
				failed = writeCall(e, part, write)
			}
			return false
		})
		if err != nil {
			return err
		}
		return failed
	})
}

// writeCall writes a call on one line. Nothing of it changes but for white space
// between its values.
func writeCall(e *eventlog.Entry, part *segment.Part, write func([]byte) error) error {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	call := exportedCall{"call", e.Offset, part.Index, e.ReceivedAt.Time(), e.Source, e.Route, part.Raw}
	if err := encoder.Encode(call); err != nil {
		return fmt.Errorf("write the call at log offset %d, index %d: %w", e.Offset, part.Index, err)
	}
	return write(bytes.TrimRight(line.Bytes(), "\n"))
}
