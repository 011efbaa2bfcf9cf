package app

import (
	"context"
	"fmt"

	"relay/domain/eventlog"
)

// compare folds the subset, batch by batch, and calls do with two scratch
// generations for each: what is served of it, and what the log says. They end
// with do.
func (u *subset) compare(ctx context.Context, do func(tx Tx, served, rebuilt int64) error) error {
	for first := true; first || !u.complete(); first = false {
		b := u.newBatch(u.history)
		if err := u.gather(ctx, b); err != nil {
			return err
		}
		if err := u.compareBatch(ctx, b, do); err != nil {
			return err
		}
		u.ignored.Merge(b.fold.Ignored())
		if b.now != nil {
			u.ignoredNow.Merge(b.now.Ignored())
		}
	}
	return nil
}

func (u *subset) compareBatch(ctx context.Context, b *batch, do func(tx Tx, served, rebuilt int64) error) error {
	u.tell(PhaseComparing)
	return u.Scratch.InScratch(ctx, func(tx Tx) error {
		which, err := u.bringUpToDate(ctx, tx, b)
		if err != nil {
			return err
		}
		served, err := u.scratch(ctx, tx)
		if err != nil {
			return err
		}
		rebuilt, err := u.scratch(ctx, tx)
		if err != nil {
			return err
		}
		if err := u.projection.Tables.Copy(ctx, tx, u.served.ID, served, which); err != nil {
			return err
		}
		if err := u.projection.Tables.Write(ctx, tx, rebuilt, b.fold.Fold); err != nil {
			return fmt.Errorf("write what the log says: %w", err)
		}
		return do(tx, served, rebuilt)
	})
}

// scratch makes the tables of a generation that is gone with the transaction.
func (u *subset) scratch(ctx context.Context, tx Tx) (int64, error) {
	id, err := u.Generations.Scratch(ctx, tx)
	if err != nil {
		return 0, err
	}
	if err := u.projection.Tables.Create(ctx, tx, id, false); err != nil {
		return 0, fmt.Errorf("create scratch tables: %w", err)
	}
	return id, nil
}

// bringUpToDate completes the batch to what is served in this transaction's
// snapshot, and returns which rows of that it is to be compared with.
func (u *subset) bringUpToDate(ctx context.Context, tx Tx, b *batch) (Which, error) {
	served, err := u.Generations.Serving(ctx, tx, u.projection.Name) // takes the snapshot
	if err != nil {
		return Which{}, err
	}
	history, err := ReadHistory(ctx, tx, u.Controls)
	if err != nil {
		return Which{}, err
	}
	// Of control entries, erasures change what was read, others what holds for it.
	if served.ID != u.served.ID || history.Head != u.history.Head {
		return Which{}, ErrReplaced
	}
	if u.projection.PerCall {
		return u.settle(ctx, tx, b)
	}
	if err := u.joinsNoIDs(served.Checkpoint); err != nil {
		return Which{}, err
	}
	rest := eventlog.Range{After: u.served.Checkpoint, UpTo: served.Checkpoint}
	u.served = served
	return Which{People: u.ids()}, u.read(ctx, tx, rest, func(e *eventlog.Entry) error {
		u.fold(b, e)
		return nil
	})
}
