package sample

import (
	"context"
	"fmt"

	"relay/app"
	"relay/app/replay"
	"relay/domain/identity"
)

// compare folds the subset, batch by batch, and calls do with two scratch
// generations for each: what is served of it, and what the log says. They end
// with do.
func (u *subset) compare(ctx context.Context, do func(tx app.Tx, served, rebuilt int64) error) error {
	for first := true; first || !u.complete(); first = false {
		b := u.newBatch()
		if err := u.gather(ctx, b); err != nil {
			return err
		}
		if u.linking != nil {
			if err := u.catchUp(ctx, b); err != nil {
				return err
			}
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

func (u *subset) compareBatch(ctx context.Context, b *batch, do func(tx app.Tx, served, rebuilt int64) error) error {
	u.tell(replay.PhaseComparing)
	return u.Scratch.InScratch(ctx, func(tx app.Tx) error {
		which, err := u.bringUpToDate(ctx, tx, b)
		if err != nil {
			return err
		}
		served, err := u.scratch(ctx, tx, u.joinsServed)
		if err != nil {
			return err
		}
		rebuilt, err := u.scratch(ctx, tx, u.joinsRebuilt)
		if err != nil {
			return err
		}
		if err := u.projection.Tables.Sampling.Copy(ctx, tx, u.served.ID, served, which); err != nil {
			return err
		}
		if err := u.projection.Tables.Sampling.Write(ctx, tx, rebuilt, b.fold.Fold, u.links(which)); err != nil {
			return fmt.Errorf("write what the log says: %w", err)
		}
		return do(tx, served, rebuilt)
	})
}

// scratch makes the tables of a generation that is gone with the transaction.
func (u *subset) scratch(ctx context.Context, tx app.Tx, joined bool) (int64, error) {
	id, err := u.Numbers.ScratchNumber(ctx, tx)
	if err != nil {
		return 0, err
	}
	if err := u.projection.Tables.Schema.Create(ctx, tx, id, joined); err != nil {
		return 0, fmt.Errorf("create scratch tables: %w", err)
	}
	return id, nil
}

// bringUpToDate completes the batch to what is served in this transaction's
// snapshot, and returns which rows of that it is to be compared with.
func (u *subset) bringUpToDate(ctx context.Context, tx app.Tx, b *batch) (app.Which, error) {
	served, err := u.stillServing(ctx, tx) // takes the snapshot
	if err != nil {
		return app.Which{}, err
	}
	if _, err := u.advance(ctx, b, served, u.readIn(tx)); err != nil {
		return app.Which{}, err
	}
	which := app.Which{People: u.ids()}
	if u.projection.PerCall {
		if which, err = u.settle(ctx, tx, b); err != nil {
			return which, err
		}
	}
	return u.withLinks(which), nil
}

// stillServing returns the generation that is served, if that and what holds for
// it is what the subset was chosen from.
func (u *subset) stillServing(ctx context.Context, tx app.Tx) (app.Generation, error) {
	served, err := u.Generations.Serving(ctx, tx, u.projection.Name)
	if err != nil {
		return served, err
	}
	history, err := app.ReadHistory(ctx, tx, u.Controls)
	if err != nil {
		return served, err
	}
	// Of control entries, erasures change what was read, others what holds for it.
	joinsServed, joinsRebuilt := u.joins(served.Checkpoint)
	if served.ID != u.served.ID || history.Head != u.history.Head || joinsServed != u.joinsServed || joinsRebuilt != u.joinsRebuilt {
		return served, app.ErrReplaced
	}
	return served, nil
}

// withLinks adds whose links are compared: everybody's, and that once. To tell
// whose events are, each batch needs them.
func (u *subset) withLinks(which app.Which) app.Which {
	if u.linking == nil || u.linked && u.replay == nil {
		return which
	}
	u.linked = true
	for id := range u.linking.members {
		which.Linked = append(which.Linked, id)
	}
	return which
}

// links returns what the log says of the links that are compared.
func (u *subset) links(which app.Which) identity.State {
	if !u.joinsRebuilt {
		return identity.State{}
	}
	return u.linking.of(which.Linked)
}
