package sample

import (
	"context"
	"fmt"

	"relay/app"
	"relay/app/replay"
	"relay/domain/identity"
)

// compare folds the subset batch by batch. For each batch it calls do with two
// scratch generations: what is served of it, and what was rebuilt. They are gone
// after do.
func (u *subset) compare(ctx context.Context, do func(tx app.Tx, served, rebuilt int64) error) error {
	for first := true; first || !u.complete(); first = false {
		b := u.newBatch()
		if err := u.collect(ctx, b); err != nil {
			return err
		}
		if u.linking != nil {
			if err := u.advanceInPieces(ctx, b); err != nil {
				return err
			}
		}
		if err := u.compareBatch(ctx, b, do); err != nil {
			return err
		}
		u.issuesRebuilt.Merge(b.rebuilt.Ignored())
		if b.served != nil {
			u.issuesServed.Merge(b.served.Ignored())
		}
	}
	return nil
}

func (u *subset) compareBatch(ctx context.Context, b *batch, do func(tx app.Tx, served, rebuilt int64) error) error {
	u.report(replay.PhaseComparing)
	return u.sampler.Scratch.InScratch(ctx, func(tx app.Tx) error {
		which, err := u.finish(ctx, tx, b)
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
		if err := u.projection.Tables.Sampling.Write(ctx, tx, rebuilt, b.rebuilt.fold, u.links(which)); err != nil {
			return fmt.Errorf("write what was rebuilt: %w", err)
		}
		return do(tx, served, rebuilt)
	})
}

// scratch creates the tables of a generation that ends with the transaction.
func (u *subset) scratch(ctx context.Context, tx app.Tx, joined bool) (int64, error) {
	id, err := u.sampler.Numbers.ScratchNumber(ctx, tx)
	if err != nil {
		return 0, err
	}
	if err := u.projection.Tables.Schema.Create(ctx, tx, id, joined); err != nil {
		return 0, fmt.Errorf("create scratch tables: %w", err)
	}
	return id, nil
}

// finish completes the batch up to what is served in the transaction's snapshot,
// and returns which of the served rows it is compared with.
func (u *subset) finish(ctx context.Context, tx app.Tx, b *batch) (app.Which, error) {
	served, err := u.stillServing(ctx, tx) // takes the snapshot
	if err != nil {
		return app.Which{}, err
	}
	if _, err := u.advance(ctx, b, served, u.readIn(tx)); err != nil {
		return app.Which{}, err
	}
	which := app.Which{People: u.ids()}
	if u.projection.PerCall {
		if which, err = u.resolveMessageIDs(ctx, tx, b); err != nil {
			return which, err
		}
	}
	return u.withLinks(which), nil
}

// stillServing returns the generation that is served. ErrReplaced if it is not the
// one that the subset was chosen from, or if its timeline or the log's payloads
// changed since.
func (u *subset) stillServing(ctx context.Context, tx app.Tx) (app.Generation, error) {
	served, err := u.store.Generations.Serving(ctx, tx, u.projection.Name)
	if err != nil {
		return served, err
	}
	history, err := app.ReadHistory(ctx, tx, u.store.Controls)
	if err != nil {
		return served, err
	}
	// A control entry is an erasure, which changes payloads, or changes the timeline.
	joinsServed, joinsRebuilt := u.joins(served.Checkpoint)
	if served.ID != u.served.ID || history.Head != u.history.Head || joinsServed != u.joinsServed || joinsRebuilt != u.joinsRebuilt {
		return served, app.ErrReplaced
	}
	return served, nil
}

// withLinks adds the ids of which links are compared: all members, with the first
// batch. In a preview each batch needs them, to find whose its events are.
func (u *subset) withLinks(which app.Which) app.Which {
	if u.linking == nil || u.linked && u.change == nil {
		return which
	}
	u.linked = true
	for id := range u.linking.members {
		which.Linked = append(which.Linked, id)
	}
	return which
}

// links returns the rebuilt links that are compared.
func (u *subset) links(which app.Which) identity.State {
	if !u.joinsRebuilt {
		return identity.State{}
	}
	return u.linking.linksOf(which.Linked)
}
