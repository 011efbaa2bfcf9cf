package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"relay/app"
	"relay/projections"
)

// load loads and indexes what is not loaded yet, one generation after the other,
// that with most to read first. Each is indexed while the next is loaded, since
// that alone leaves processors idle.
func (r *run) load(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var indexing sync.WaitGroup
	list := r.toLoad()
	for n, i := range list {
		loader, err := r.read(ctx, r.chosen[i], r.built[i])
		if err != nil {
			cancel(err)
			break
		}
		r.progress.loaded(list[n+1:])
		r.progress.phase(ctx, r.chosen[i].Name, PhaseIndexing)
		indexing.Go(func() {
			if err := r.index(ctx, loader, r.chosen[i], r.built[i]); err != nil {
				cancel(err)
			}
		})
	}
	indexing.Wait()
	return context.Cause(ctx)
}

// toLoad returns the places of the generations that are not loaded.
func (r *run) toLoad() (list []int) {
	for i, g := range r.built {
		if !g.Loaded {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(r.progress.rows[b], r.progress.rows[a]) })
	return list
}

// loadMappings returns the mappings under which a generation is loaded.
func (r *run) loadMappings(g app.Generation) projections.Mappings {
	return r.history.Mappings(g.Projection, r.replay).UpTo(g.LoadUpTo)
}

// read loads a generation, but for its indexes.
func (r *run) read(ctx context.Context, p app.Projection, g app.Generation) (app.Loader, error) {
	r.progress.phase(ctx, p.Name, PhaseLoading)
	mappings := r.loadMappings(g)
	return r.Builder.Load(ctx, Load{
		Projection: p.Under(mappings), Generation: g.ID, UpTo: g.LoadUpTo, Mappings: mappings,
		Read: r.progress.read, Pace: r.progress.pace, Busy: r.progress.live.moving,
	})
}

// index makes a generation's indexes, and completes it.
func (r *run) index(ctx context.Context, loader app.Loader, p app.Projection, g app.Generation) error {
	if err := loader.Index(ctx); err != nil {
		return fmt.Errorf("index %s: %w", p.Name, err)
	}
	return r.DB.InTx(ctx, func(tx app.Tx) error {
		if err := r.Erasures.Lock(ctx, tx); err != nil {
			return err
		}
		if err := r.erasePending(ctx, tx, p, g); err != nil {
			return fmt.Errorf("erase what was forgotten meanwhile from %s: %w", p.Name, err)
		}
		if err := p.Tables.Schema.Complete(ctx, tx, g.ID); err != nil {
			return fmt.Errorf("complete %s: %w", p.Name, err)
		}
		return r.Writer.SetLoaded(ctx, tx, g.ID)
	})
}
