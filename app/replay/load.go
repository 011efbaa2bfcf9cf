package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"relay/app"
)

// load loads the targets in bulk and indexes them, one after the other, that with
// most to read first. Each is indexed while the next one is loaded, because
// indexing alone leaves processors idle.
func (b *build) load(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var indexing sync.WaitGroup
	pending := b.unloaded()
	for n, t := range pending {
		loader, err := b.loadRows(ctx, t)
		if err != nil {
			cancel(err)
			break
		}
		b.progress.loaded(pending[n+1:])
		b.progress.phase(ctx, t.projection.Name, PhaseIndexing)
		indexing.Go(func() {
			if err := b.index(ctx, loader, t); err != nil {
				cancel(err)
			}
		})
	}
	indexing.Wait()
	return context.Cause(ctx)
}

// unloaded returns the targets that are not loaded yet, that with most to read
// first.
func (b *build) unloaded() (list []*target) {
	for _, t := range b.targets {
		if !t.generation.Loaded {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(x, y *target) int { return cmp.Compare(y.rows, x.rows) })
	return list
}

// loadRows loads a target's rows. The loader that it returns can make the indexes.
func (b *build) loadRows(ctx context.Context, t *target) (app.Loader, error) {
	b.progress.phase(ctx, t.projection.Name, PhaseLoading)
	return b.newBulkLoad(t).run(ctx, t)
}

// index makes a target's indexes, erases what was erased from the log while the
// rows were loaded, and notes that the target is loaded.
func (b *build) index(ctx context.Context, loader app.Loader, t *target) error {
	name := t.projection.Name
	if err := loader.Index(ctx); err != nil {
		return fmt.Errorf("index %s: %w", name, err)
	}
	return b.store.DB.InTx(ctx, func(tx app.Tx) error {
		if err := b.builder.Erasures.Lock(ctx, tx); err != nil {
			return err
		}
		if err := b.erasePending(ctx, tx, t); err != nil {
			return fmt.Errorf("carry out the pending erasures in %s: %w", name, err)
		}
		if err := t.projection.Tables.Schema.Complete(ctx, tx, t.generation.ID); err != nil {
			return fmt.Errorf("complete %s: %w", name, err)
		}
		return b.builder.Writer.SetLoaded(ctx, tx, t.generation.ID)
	})
}
