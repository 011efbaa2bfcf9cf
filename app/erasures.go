package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// LogEraser finds and rewrites payloads. The log is append-only but for it.
type LogEraser interface {
	// Search returns, in order, the offsets of the range's payloads with any of the
	// kinds that may name any of the ids, of persons or messages. It may return
	// others too, and leaves out none.
	Search(ctx context.Context, tx Tx, r eventlog.Range, kinds segment.Kinds, ids []string) ([]eventlog.Offset, error)
	// Rewrite replaces an entry's payload, kinds and erased calls.
	Rewrite(ctx context.Context, tx Tx, e *eventlog.Entry) error
}

// Erasures keeps generations that are being loaded and erasures apart: what is
// loaded may have been read before an erasure.
type Erasures interface {
	// Lock makes the transaction the only one that erases persons or that begins
	// or ends the loading of a generation, until it ends.
	Lock(ctx context.Context, tx Tx) error
	// Pend notes an erasure for a generation that is being loaded.
	Pend(ctx context.Context, tx Tx, generation int64, e PendingErasure) error
	// Pending returns what was noted for a generation.
	Pending(ctx context.Context, tx Tx, generation int64) ([]PendingErasure, error)
	// Settle removes what was noted for a generation.
	Settle(ctx context.Context, tx Tx, generation int64) error
}

// Erased says what of a generation goes with erased calls. What other calls still
// say of any of it is to be folded again.
type Erased struct {
	Users     []string // whose rows go
	Anonymous []string // whose rows go, where they are not a user's
	Claims    []string // anonymous ids whose claims go
	Aliases   []string // user ids whose aliases go
}

// PendingErasure is what is left to do in a generation once it is loaded.
type PendingErasure struct {
	Erased
	Entries []eventlog.Offset // to fold again, since an erased call had stood before what is in them
	Recount bool              // whether erased calls held what a fold ignores
}

// searchStep is how many offsets are searched at a time, and maxSingleReads up
// to how many entries of them are read one by one.
const (
	searchStep     = 2_000
	maxSingleReads = 16
)

// allKinds are those of all payloads.
const allKinds = segment.Identify | segment.Track | segment.Page | segment.Screen | segment.Group | segment.Alias | segment.Delete | segment.Unusable

// readNaming calls each for the range's entries with any of the kinds that may
// name any of the ids, and for others.
func readNaming(ctx context.Context, tx Tx, log LogReader, eraser LogEraser, r eventlog.Range, kinds segment.Kinds, ids []string, each func(*eventlog.Entry) error) error {
	for _, step := range r.Without(nil, searchStep) {
		found, err := eraser.Search(ctx, tx, step, kinds, ids)
		if err != nil {
			return err
		}
		if len(found) > maxSingleReads {
			err = log.Read(ctx, tx, eventlog.Range{After: found[0] - 1, UpTo: found[len(found)-1]}, kinds, each)
		} else {
			err = readEach(ctx, tx, log, found, kinds, each)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readEach(ctx context.Context, tx Tx, log LogReader, offsets []eventlog.Offset, kinds segment.Kinds, each func(*eventlog.Entry) error) error {
	for _, o := range offsets {
		if err := log.Read(ctx, tx, eventlog.Range{After: o - 1, UpTo: o}, kinds, each); err != nil {
			return err
		}
	}
	return nil
}

// again folds calls of single entries once more, into a generation that is held.
type again struct {
	db         Database
	log        LogReader
	projection Projection
	generation int64
	mappings   projections.Mappings
}

// merge merges what those calls of the entries say that want asks for, the
// entries in order. One that the database cannot hold is passed over, as it was
// before.
func (a again) merge(ctx context.Context, tx Tx, entries []eventlog.Offset, want func(*eventlog.Entry, *segment.Call) bool) error {
	var reader projections.Reader
	for _, offset := range entries {
		fold := a.projection.fold()
		err := readEach(ctx, tx, a.log, []eventlog.Offset{offset}, a.projection.Under(a.mappings).Kinds, func(e *eventlog.Entry) error {
			reader.Read(e, a.mappings, chosenCalls{fold, want})
			return nil
		})
		if err != nil {
			return err
		}
		err = a.db.Try(ctx, tx, func() error { return a.projection.Tables.Merge(ctx, tx, a.generation, fold) })
		if err != nil && !errors.Is(err, ErrUnstorable) {
			return fmt.Errorf("fold the entry at log offset %d again: %w", offset, err)
		}
	}
	return nil
}

// chosenCalls is a fold that takes some calls only.
type chosenCalls struct {
	projections.Fold
	want func(*eventlog.Entry, *segment.Call) bool
}

// Call implements projections.Fold.
func (f chosenCalls) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	if f.want(e, c) {
		f.Fold.Call(e, c, m)
	}
}

func everyCall(*eventlog.Entry, *segment.Call) bool { return true }

// erasePending removes from a generation that was loaded just now what it may
// hold of persons who were erased meanwhile.
func (r *run) erasePending(ctx context.Context, tx Tx, p Projection, g Generation) error {
	pending, err := r.Erasures.Pending(ctx, tx, g.ID)
	if err != nil || len(pending) == 0 {
		return err
	}
	mappings, counted := r.loadMappings(g), true
	for _, e := range pending {
		if err := p.Tables.Erase(ctx, tx, g.ID, e.Erased); err != nil {
			return err
		}
		counted = counted && !e.Recount
	}
	fold := again{r.DB, r.Log, p, g.ID, mappings}
	for _, e := range pending {
		loaded := slices.DeleteFunc(e.Entries, func(o eventlog.Offset) bool { return o > g.LoadUpTo })
		if err := fold.merge(ctx, tx, loaded, everyCall); err != nil {
			return err
		}
	}
	if !counted {
		count := newRecount(p, mappings)
		if err := count.read(ctx, tx, r.Log, eventlog.Range{UpTo: g.LoadUpTo}); err != nil {
			return err
		}
		if err := r.Generations.SetIssues(ctx, tx, g.ID, count.total()); err != nil {
			return err
		}
	}
	return r.Erasures.Settle(ctx, tx, g.ID)
}
