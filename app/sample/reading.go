package sample

import (
	"context"
	"maps"
	"slices"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// reading calls each for all entries of a range with any of the kinds that can
// name any of the ids, also for several at once.
type reading func(ctx context.Context, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry)) error

// readIn is a reading in one transaction.
func (u *subset) readIn(tx app.Tx) reading {
	return func(ctx context.Context, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry)) error {
		return u.read(ctx, tx, r, kinds, ids, func(e *eventlog.Entry) error {
			each(e)
			return nil
		})
	}
}

// readAside is a reading with several workers, piece by piece, so that no
// snapshot is held for long.
func (u *subset) readAside(ctx context.Context, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry)) error {
	left := r.Without(nil, app.Chunk)
	next := func() (piece eventlog.Range, ok bool) {
		u.mu.Lock()
		defer u.mu.Unlock()
		if len(left) == 0 {
			return piece, false
		}
		piece, left = left[0], left[1:]
		return piece, true
	}
	return app.InWorkers(ctx, u.Builder.Workers, func(ctx context.Context, _ int) error {
		for piece, ok := next(); ok; piece, ok = next() {
			err := u.DB.InSnapshot(ctx, func(tx app.Tx) error { return u.readIn(tx)(ctx, piece, kinds, ids, each) })
			if err != nil {
				return err
			}
			u.came(piece)
		}
		return nil
	})
}

// came notes that a range was read.
func (u *subset) came(r eventlog.Range) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done += r.UpTo - r.After
	u.tell(u.phase)
}

// fewIDs is for how many ids the log is searched; for more it is read.
const fewIDs = 3

// read calls each for all entries with any of the kinds that can be of the ids;
// nil: for all.
func (u *subset) read(ctx context.Context, tx app.Tx, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry) error) error {
	if ids == nil {
		return u.Log.Read(ctx, tx, r, kinds, each)
	}
	mayBeOf := segment.MayBeOf
	if u.linking != nil {
		mayBeOf = segment.MayName
	}
	wanted := func(id []byte) bool { return ids[string(id)] }
	ofThem := func(e *eventlog.Entry) error {
		if !mayBeOf(e.Payload, wanted) {
			return nil
		}
		return each(e)
	}
	if len(ids) <= fewIDs {
		return app.ReadNaming(ctx, tx, u.Log, u.Searcher, r, kinds, slices.Sorted(maps.Keys(ids)), ofThem)
	}
	return u.Log.Read(ctx, tx, r, kinds, ofThem)
}

// quiet is what of projections.Fold a fold of ids does without.
type quiet struct{}

// Reject implements projections.Fold.
func (quiet) Reject(*eventlog.Entry, string, int) {}

// Ignored implements projections.Fold.
func (quiet) Ignored() projections.Issues { return projections.Issues{} }

// Size implements projections.Fold.
func (quiet) Size() int { return 0 }
