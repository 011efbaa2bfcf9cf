package lookup

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Tail reads entries of the log for people.
type Tail struct {
	DB  app.Database
	Log app.LogReader
}

// TailFilter says which entries people want to see. Zero fields want all.
type TailFilter struct {
	Source string
	Kinds  segment.Kinds // of Identify to Delete, or Control
	Person string        // an id that a call names
	Event  string        // the event's name as it was sent
}

// TailEntry is an entry with the calls in it that pass the filter; a control
// entry has none. Its payload's memory is reused.
type TailEntry struct {
	*eventlog.Entry
	Calls []segment.Call
}

// tailStretch is how many offsets are read in one transaction, since people may
// take their time.
const tailStretch = 1000

// Find returns where the last n entries that pass the filter begin: no others
// pass after the returned offset.
func (t *Tail) Find(ctx context.Context, n int, f TailFilter) (after eventlog.Offset, err error) {
	return t.FindWithin(ctx, n, math.MaxInt64, f)
}

// FindWithin is Find that looks back over so many offsets at most, and returns
// where it gave up, if it did.
func (t *Tail) FindWithin(ctx context.Context, n int, most eventlog.Offset, f TailFilter) (after eventlog.Offset, err error) {
	err = t.DB.InSnapshot(ctx, func(tx app.Tx) error {
		head, err := t.Log.Head(ctx, tx)
		if err != nil {
			return err
		}
		after = head
		least := head - min(most, head)
		for stretch := eventlog.Offset(n); n > 0 && after > least; stretch = min(2*stretch, tailStretch) {
			var found []eventlog.Offset
			r := eventlog.Range{After: max(after-stretch, least), UpTo: after}
			if err := t.read(ctx, tx, r, f, func(e TailEntry) error {
				found = append(found, e.Offset)
				return nil
			}); err != nil {
				return err
			}
			after = r.After
			if len(found) >= n {
				after = found[len(found)-n] - 1
			}
			n -= len(found)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find the log's last entries: %w", err)
	}
	return after, nil
}

// Next calls each for entries after the offset that pass the filter, and returns
// the offset up to which it looked: the same one where there is nothing new.
func (t *Tail) Next(
	ctx context.Context, after eventlog.Offset, f TailFilter, each func(TailEntry) error,
) (upTo eventlog.Offset, err error) {
	err = t.DB.InSnapshot(ctx, func(tx app.Tx) error {
		head, err := t.Log.Head(ctx, tx)
		if err != nil {
			return err
		}
		upTo = min(head, after+tailStretch)
		r := eventlog.Range{After: after, UpTo: upTo}
		if r.Empty() {
			return nil
		}
		return t.read(ctx, tx, r, f, each)
	})
	if err != nil {
		return after, fmt.Errorf("read the log's last entries: %w", err)
	}
	return max(upTo, after), nil
}

// errNoEntry: whether an offset was ever drawn, the log does not tell.
var errNoEntry = fmt.Errorf("%w: it was erased, or no payload ever had this place", app.ErrNotFound)

// Show calls each for the entry at the offset; ErrNotFound: there is none.
func (t *Tail) Show(ctx context.Context, at eventlog.Offset, each func(TailEntry) error) error {
	found := false
	err := t.DB.InSnapshot(ctx, func(tx app.Tx) error {
		return t.read(ctx, tx, eventlog.Range{After: at - 1, UpTo: at}, TailFilter{}, func(e TailEntry) error {
			found = true
			return each(e)
		})
	})
	if err == nil && !found {
		err = errNoEntry
	}
	if err != nil {
		return fmt.Errorf("log offset %d: %w", at, err)
	}
	return nil
}

func (t *Tail) read(ctx context.Context, tx app.Tx, r eventlog.Range, f TailFilter, each func(TailEntry) error) error {
	parser, kinds := new(segment.Parser), f.Kinds
	if kinds == 0 {
		kinds = app.Everything
	}
	return t.Log.Read(ctx, tx, r, kinds, func(e *eventlog.Entry) error {
		entry := TailEntry{Entry: e}
		if !entry.filter(parser, f) {
			return nil
		}
		return each(entry)
	})
}

// filter fills in the calls and tells whether the entry passes.
func (e *TailEntry) filter(parser *segment.Parser, f TailFilter) bool {
	if f.Source != "" && e.Source != f.Source {
		return false
	}
	if e.Kinds.Has(segment.Control) {
		return f.Person == "" && f.Event == "" && (f.Kinds == 0 || f.Kinds.Has(segment.Control))
	}
	payload, err := parser.Parse(e.Payload, segment.KindOfRoute(e.Route))
	if err != nil {
		payload.Calls = nil // people still want to see it
	}
	for _, call := range payload.Calls {
		if f.passes(&call) {
			e.Calls = append(e.Calls, call)
		}
	}
	return len(e.Calls) > 0 || f.Kinds == 0 && f.Person == "" && f.Event == ""
}

func (f TailFilter) passes(c *segment.Call) bool {
	return (f.Kinds == 0 || f.Kinds.Has(c.Kind)) && (f.Event == "" || c.Event == f.Event) &&
		(f.Person == "" || c.UserID == f.Person || c.AnonymousID == f.Person || c.PreviousID == f.Person)
}

// WhatOf says in a few words what a call is about.
func WhatOf(call *segment.Call) string {
	switch {
	case call.Kind == segment.Identify:
		var names []string
		for name := range call.Traits.Members {
			names = append(names, name)
		}
		return strings.Join(names, ", ")
	case call.Kind == segment.Alias:
		return "was " + call.PreviousID
	case call.Event != "":
		return call.Event
	}
	return strings.TrimSpace(call.Category + " " + call.Name)
}

// PersonOf returns the id that a call is about.
func PersonOf(call *segment.Call) string { return cmp.Or(call.UserID, call.AnonymousID) }
