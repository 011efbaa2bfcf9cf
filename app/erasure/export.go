package erasure

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// PersonReader reads the rows of a person.
type PersonReader interface {
	// Whose returns the user id that an id stands for: the id itself if it is a
	// user id, or the one that it is joined to. app.ErrNotFound: it stands for no
	// user.
	Whose(ctx context.Context, tx app.Tx, id string) (user string, err error)
	// Rows calls each for every row of the group in the views and among the
	// rejected bodies, as a JSON object whose key "kind" says what the row is. An
	// error of each ends the reading.
	Rows(ctx context.Context, tx app.Tx, g Group, each func(row []byte) error) error
}

// Exporter exports all that relay holds of a person.
type Exporter struct {
	DB          app.Database
	Log         app.LogReader
	Searcher    app.LogSearcher
	Generations app.Generations
	Identities  Identities
	Rows        PersonReader
}

// Export calls write for one JSON object after the other, without a line break:
// first the person's rows, then the person's calls in the log, all as of one
// moment. It returns how many objects there were; none: nothing is known of the
// person.
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
		return x.writeCalls(ctx, tx, group, counted)
	})
	if err != nil {
		return lines, fmt.Errorf("export a person: %w", err)
	}
	return lines, nil
}

// group returns the group of the user that the id stands for. An id that stands
// for no user is looked for as a user id and as an anonymous id.
func (x *Exporter) group(ctx context.Context, tx app.Tx, id string) (Group, error) {
	user, err := x.Rows.Whose(ctx, tx, id)
	switch {
	case errors.Is(err, app.ErrNotFound):
		return Group{Users: []string{id}, Anonymous: []string{id}}, nil
	case err != nil:
		return Group{}, err
	}
	return servedGroup(ctx, tx, x.Generations, x.Identities, user)
}

// writeCalls writes all calls of the group that the log holds.
func (x *Exporter) writeCalls(ctx context.Context, tx app.Tx, g Group, write func([]byte) error) error {
	head, err := x.Log.Head(ctx, tx)
	if err != nil {
		return err
	}
	var parser segment.Parser
	person := newScope([]Person{{}}, []Group{g})
	whole := eventlog.Range{UpTo: head}
	return app.ReadNaming(ctx, tx, x.Log, x.Searcher, whole, app.AllKinds, person.ids(), func(e *eventlog.Entry) (failed error) {
		_, _, err := parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
			if failed == nil && person.covers(segment.IDsOf(part)) {
				failed = writeCall(e, part, write)
			}
			return false
		})
		return cmp.Or(err, failed)
	})
}

// exportedCall is a call as it was received.
type exportedCall struct {
	Kind       string          `json:"kind"`
	LogOffset  eventlog.Offset `json:"log_offset"`
	LogIndex   int             `json:"log_index"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     string          `json:"source"`
	Route      string          `json:"route"`
	Call       json.RawMessage `json:"call"`
}

// writeCall writes a call on one line. Only the white space between the call's
// values changes.
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
