package app

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"relay/domain/eventlog"
	"relay/projections"
)

// Builder loads a range of the log into a generation that has no indexes yet.
type Builder struct {
	DB      Database
	Log     LogReader
	Workers int   // readers at once; default 2
	Memory  int64 // about how many bytes of partial results are kept; default 256 MiB
	// Pace, if set, is called after each chunk; it may wait to leave room for
	// others.
	Pace func(ctx context.Context)
}

const (
	// chunk is how many offsets a worker reads in one transaction.
	chunk = 10_000
	// defaultMemory is Builder.Memory where it is not set.
	defaultMemory = 256 << 20
)

// Load reads the range with several workers, but for what an earlier load of the
// generation kept, folds it under the mappings and gives the partial results to
// the projection's loader. read, if set, is called with the log rows and calls
// that were read since the last time, from several goroutines at once; loaded is
// called when all rows are there and the indexes come.
func (b *Builder) Load(ctx context.Context, p Projection, generation int64, r eventlog.Range, mappings projections.Mappings, read func(rows, calls int), loaded func()) error {
	memory := b.Memory
	if memory == 0 {
		memory = defaultMemory
	}
	l := load{builder: b, projection: p, mappings: mappings, loader: p.Tables.Load(generation, memory/2), read: read, foldSize: int(memory / 16)}
	if err := l.plan(ctx, generation, r); err != nil {
		return err
	}
	if err := l.run(ctx); err != nil {
		return err
	}
	if err := l.loader.Finish(ctx); err != nil {
		return fmt.Errorf("load %s: %w", p.Name, err)
	}
	loaded()
	if err := l.loader.Index(ctx); err != nil {
		return fmt.Errorf("index %s: %w", p.Name, err)
	}
	return nil
}

// load is one Load under way.
type load struct {
	builder    *Builder
	projection Projection
	mappings   projections.Mappings
	loader     Loader
	read       func(rows, calls int)
	foldSize   int // bytes that a fold may hold before the loader gets it
	chunks     []eventlog.Range
	next       atomic.Int64 // index of the next chunk
}

// plan works out what is left to read.
func (l *load) plan(ctx context.Context, generation int64, r eventlog.Range) error {
	return l.builder.DB.InTx(ctx, func(tx Tx) error {
		loaded, err := l.projection.Tables.Loaded(ctx, tx, generation)
		if err != nil {
			return fmt.Errorf("look up what is loaded of %s: %w", l.projection.Name, err)
		}
		l.chunks = r.Without(loaded, chunk)
		return nil
	})
}

func (l *load) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range max(l.builder.Workers, 1) {
		wg.Go(func() {
			if err := l.work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// work reads chunk after chunk until none is left.
func (l *load) work(ctx context.Context) (err error) {
	w := worker{load: l, fold: l.projection.fold()}
	for err == nil {
		n := int(l.next.Add(1)) - 1
		if n >= len(l.chunks) {
			return w.flush(ctx)
		}
		if err = w.readChunk(ctx, l.chunks[n]); err == nil && l.builder.Pace != nil {
			l.builder.Pace(ctx)
		}
	}
	return err
}

// worker is one reader of a load.
type worker struct {
	*load
	reader projections.Reader
	fold   projections.Fold
	holds  []eventlog.Range // what of the log is in the fold
}

// readChunk folds a chunk. A fold that has grown large goes to the loader at
// once, also in the middle of a chunk: payloads can be of any size.
func (w *worker) readChunk(ctx context.Context, r eventlog.Range) error {
	rows, calls := 0, 0
	err := w.builder.DB.InSnapshot(ctx, func(tx Tx) error {
		return w.builder.Log.Read(ctx, tx, r, w.projection.Kinds, func(e *eventlog.Entry) error {
			rows++
			calls += w.reader.Read(e, w.mappings, w.fold)
			if w.fold.Size() < w.foldSize {
				return nil
			}
			w.holds = append(w.holds, eventlog.Range{After: r.After, UpTo: e.Offset})
			r.After = e.Offset
			return w.flush(ctx)
		})
	})
	if err != nil {
		return err
	}
	w.holds = append(w.holds, r)
	if w.load.read != nil {
		w.load.read(rows, calls)
	}
	return nil
}

// flush gives what is folded to the loader.
func (w *worker) flush(ctx context.Context) error {
	fold, holds := w.fold, w.holds
	w.fold, w.holds = w.projection.fold(), nil
	if err := w.loader.Add(ctx, fold, holds); err != nil {
		return fmt.Errorf("load %s: %w", w.projection.Name, err)
	}
	return nil
}
