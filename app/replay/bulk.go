package replay

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// bulkLoad reads the log with several workers, folds it, and gives the partial
// results to the loader of a target, which makes rows of them.
type bulkLoad struct {
	build      *build
	projection app.Projection // of the target, as it is read under the mappings
	mappings   projections.Mappings
	loader     app.Loader
	foldSize   int              // bytes that a fold may hold before the loader gets it
	chunks     []eventlog.Range // to be read
	next       atomic.Int64     // index of the next chunk
}

func (b *build) newBulkLoad(t *target) *bulkLoad {
	memory := cmp.Or(b.builder.Memory, app.DefaultMemory)
	mappings := b.mappings(t)
	return &bulkLoad{
		build: b, projection: t.projection.Under(mappings), mappings: mappings,
		loader: t.projection.Tables.Loading.Load(t.generation.ID, memory/2), foldSize: int(memory / 16),
	}
}

// run loads the log up to the target's LoadUpTo, except for the ranges that an
// earlier load of the same generation kept.
func (l *bulkLoad) run(ctx context.Context, t *target) (app.Loader, error) {
	if err := l.plan(ctx, t); err != nil {
		return nil, err
	}
	if err := app.InWorkers(ctx, l.build.builder.Workers, l.work); err != nil {
		return nil, err
	}
	if err := l.loader.Finish(ctx); err != nil {
		return nil, fmt.Errorf("load %s: %w", l.projection.Name, err)
	}
	return l.loader, nil
}

// plan works out the chunks.
func (l *bulkLoad) plan(ctx context.Context, t *target) error {
	return l.build.store.DB.InTx(ctx, func(tx app.Tx) error {
		loaded, err := t.projection.Tables.Loading.Loaded(ctx, tx, t.generation.ID)
		if err != nil {
			return fmt.Errorf("look up what is loaded of %s: %w", l.projection.Name, err)
		}
		l.chunks = eventlog.Range{UpTo: t.generation.LoadUpTo}.Without(loaded, app.Chunk)
		return nil
	})
}

// busyWorkers caps the number of workers that read while live projections are at
// work. More workers only fill the gaps of a machine that is idle otherwise.
const busyWorkers = 2

// work reads chunk after chunk until none is left.
func (l *bulkLoad) work(ctx context.Context, number int) (err error) {
	w := loadWorker{load: l, fold: l.projection.Fold()}
	for err == nil {
		for number >= busyWorkers && l.build.progress.live.moving() && int(l.next.Load()) < len(l.chunks) && ctx.Err() == nil {
			app.Wait(ctx, pauseStep)
		}
		n := int(l.next.Add(1)) - 1
		if n >= len(l.chunks) {
			return w.flush(ctx)
		}
		started := time.Now()
		if err = w.readChunk(ctx, l.chunks[n]); err == nil {
			l.build.pace(ctx, time.Since(started))
		}
	}
	return err
}

// loadWorker is one reader of a bulk load.
type loadWorker struct {
	load   *bulkLoad
	reader projections.Reader
	fold   projections.Fold
	folded []eventlog.Range // what of the log is in the fold
}

// readChunk folds a chunk. A fold that has grown large goes to the loader at
// once, even in the middle of a chunk: payloads can be of any size.
func (w *loadWorker) readChunk(ctx context.Context, r eventlog.Range) error {
	l := w.load
	rows, calls := 0, 0
	err := l.build.store.DB.InSnapshot(ctx, func(tx app.Tx) error {
		return l.build.store.Log.Read(ctx, tx, r, l.projection.Kinds, func(e *eventlog.Entry) error {
			rows++
			calls += w.reader.Read(e, l.mappings, w.fold)
			if w.fold.Size() < l.foldSize {
				return nil
			}
			w.folded = append(w.folded, eventlog.Range{After: r.After, UpTo: e.Offset})
			r.After = e.Offset
			return w.flush(ctx)
		})
	})
	if err != nil {
		return err
	}
	w.folded = append(w.folded, r)
	l.build.progress.add(rows, calls, 0)
	return nil
}

// flush gives the fold to the loader and begins a new one.
func (w *loadWorker) flush(ctx context.Context) error {
	l, fold, folded := w.load, w.fold, w.folded
	w.fold, w.folded = l.projection.Fold(), nil
	l.build.progress.add(0, 0, fold.Ignored().Total())
	if err := l.loader.Add(ctx, fold, folded); err != nil {
		return fmt.Errorf("load %s: %w", l.projection.Name, err)
	}
	return nil
}
