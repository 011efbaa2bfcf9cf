package live

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// Where a mapping begins to join ids, a generation that follows the log needs
// more than it had: tables of links and of what they join, what calls said that
// counted for nothing until then, and views that show it. The follower sees to
// that before the first batch that reaches such a mapping. A generation whose
// mappings join no ids has none of it, and reads no entries for it.

// bounding returns the kinds of the entries that bound a follower's ranges.
func (f *Follower) bounding() segment.Kinds { return segment.Kinds(f.kinds.Load()) }

// bound returns ErrAgain for a range that was bounded by fewer kinds of entries
// than are to be read for it, and so may hold any number of them.
func (f *Follower) bound(ctx context.Context, b app.Batch) error {
	if err := f.readMappings(ctx, b); err != nil {
		return err
	}
	needed := f.Projection.Under(f.mappings).Kinds
	if needed&^f.bounding() == 0 {
		return nil
	}
	f.kinds.Store(uint32(needed))
	return app.ErrAgain
}

// reads returns the kinds of the entries that a follower reads.
func (f *Follower) reads() segment.Kinds {
	if f.late {
		return f.Projection.Kinds
	}
	return f.Projection.Under(f.mappings).Kinds
}

// join makes the batch's generation ready for mappings that join ids, if they
// do. It works in transactions of its own: readers of the views must not wait
// for a batch, and the batch keeps everybody else from moving or replacing the
// generation meanwhile.
func (f *Follower) join(ctx context.Context, b app.Batch) error {
	if !f.mappings.Joined || f.joined {
		return nil
	}
	err := f.Projector.DB.InTx(ctx, func(tx app.Tx) error {
		parts, err := f.Projection.Tables.Rows.Join(ctx, tx, b.Generation)
		if err != nil || len(parts) == 0 || f.Projection.Late == nil {
			return err
		}
		return f.mergeLate(ctx, tx, b, parts)
	})
	if err == nil && f.served {
		err = f.Projector.DB.InTx(ctx, func(tx app.Tx) error { return f.Projection.Tables.Views.Serve(ctx, tx, b.Generation) })
		if errors.Is(err, app.ErrLocked) {
			return nil // readers are in the way; the next batch tries again
		}
	}
	if err != nil {
		return fmt.Errorf("make generation %d of %s ready to join ids: %w", b.Generation, f.Projection.Name, err)
	}
	f.joined = true
	return nil
}

// lateStep is how many offsets are read and merged at once.
const lateStep = 2_000

// mergeLate merges what stands in the log before the batch and counts from now
// on, into the given parts.
func (f *Follower) mergeLate(ctx context.Context, tx app.Tx, b app.Batch, parts []string) error {
	past := Follower{Projector: f.Projector, Projection: f.Projection.Only(parts), mappings: f.mappings, late: true}
	for after := eventlog.Offset(0); after < b.Range.After; after += lateStep {
		step := app.Batch{Tx: tx, Generation: b.Generation, Range: eventlog.Range{After: after, UpTo: min(after+lateStep, b.Range.After)}}
		if _, _, err := past.mergeAll(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// filtered returns what a follower hands calls to so that they reach the fold.
func (f *Follower) filtered(fold projections.Fold) projections.Fold {
	if !f.late {
		return fold
	}
	return lateFold{fold, f.Projection.Late}
}

// lateFold lets only calls through that counted for nothing before. Whatever
// else is in the payloads was folded, and noted where it had to be ignored.
type lateFold struct {
	projections.Fold
	late func(*segment.Call) bool
}

// Call implements projections.Fold.
func (l lateFold) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	if l.late(c) {
		l.Fold.Call(e, c, m)
	}
}

// Reject implements projections.Fold.
func (lateFold) Reject(*eventlog.Entry, string, int) {}

// Ignored implements projections.Fold.
func (lateFold) Ignored() projections.Issues { return projections.Issues{} }
