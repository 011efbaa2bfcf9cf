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

// reading calls each for the entries of a range that have any of the kinds and may
// name any of the ids; possibly from several goroutines at once.
type reading func(ctx context.Context, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry)) error

// readIn returns a reading in one transaction.
func (u *subset) readIn(tx app.Tx) reading {
	return func(ctx context.Context, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry)) error {
		return u.read(ctx, tx, r, kinds, ids, func(e *eventlog.Entry) error {
			each(e)
			return nil
		})
	}
}

// readInPieces is a reading with several workers and a transaction for each piece,
// so that no snapshot is kept for long.
func (u *subset) readInPieces(
	ctx context.Context, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry),
) error {
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
	return app.InWorkers(ctx, u.sampler.Workers, func(ctx context.Context, _ int) error {
		for piece, ok := next(); ok; piece, ok = next() {
			err := u.store.DB.InSnapshot(ctx, func(tx app.Tx) error { return u.readIn(tx)(ctx, piece, kinds, ids, each) })
			if err != nil {
				return err
			}
			u.countRead(piece)
		}
		return nil
	})
}

// countRead counts a range that was read.
func (u *subset) countRead(r eventlog.Range) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done += r.UpTo - r.After
	u.report(u.phase)
}

// fewIDs is up to how many ids the log is searched for; for more ids it is read.
const fewIDs = 3

// read calls each for the entries of a range that have any of the kinds and may be
// of any of the ids, and for some others; nil: for all entries of the kinds.
func (u *subset) read(
	ctx context.Context, tx app.Tx, r eventlog.Range, kinds segment.Kinds, ids map[string]bool, each func(*eventlog.Entry) error,
) error {
	if ids == nil {
		return u.store.Log.Read(ctx, tx, r, kinds, each)
	}
	mayBeOf := segment.MayBeOf
	if u.linking != nil {
		mayBeOf = segment.MayName
	}
	wanted := func(id []byte) bool { return ids[string(id)] }
	matching := func(e *eventlog.Entry) error {
		if !mayBeOf(e.Payload, wanted) {
			return nil
		}
		return each(e)
	}
	if len(ids) <= fewIDs {
		return app.ReadNaming(ctx, tx, u.store.Log, u.sampler.Searcher, r, kinds, slices.Sorted(maps.Keys(ids)), matching)
	}
	return u.store.Log.Read(ctx, tx, r, kinds, matching)
}

// eachCall is a projections.Fold that passes each usable call to a function and
// keeps nothing.
type eachCall func(e *eventlog.Entry, c *segment.Call, m projections.Mapping)

// Call implements projections.Fold.
func (f eachCall) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) { f(e, c, m) }

// Reject implements projections.Fold.
func (eachCall) Reject(*eventlog.Entry, string, int) {}

// Ignored implements projections.Fold.
func (eachCall) Ignored() projections.Issues { return projections.Issues{} }

// Size implements projections.Fold.
func (eachCall) Size() int { return 0 }
