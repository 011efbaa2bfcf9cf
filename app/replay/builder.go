package replay

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// Builder loads the log into generations that have no indexes yet.
type Builder struct {
	DB      app.Database
	Log     app.LogReader
	Workers int   // readers at once; default 1
	Memory  int64 // about how many bytes of partial results are kept; default 256 MiB
}

// Load says what is loaded into which generation.
type Load struct {
	Projection app.Projection
	Generation int64
	UpTo       eventlog.Offset
	Mappings   projections.Mappings
	// Read is told of what was read, from several goroutines at once.
	Read func(ReadSoFar)
	// Pace is called by each worker after each chunk with the time that the chunk
	// took; it may wait to leave room for others.
	Pace func(ctx context.Context, took time.Duration)
	// Busy tells whether others are at work too. Then no more than two workers
	// read; more of them only fill the gaps of a machine that is idle otherwise.
	Busy func() bool
}

// ReadSoFar is what was read since the last time.
type ReadSoFar struct {
	Rows, Calls int
	Issues      int64
}

// Load reads the log from its beginning with several workers, but for what an
// earlier load of the generation kept, folds it under the mappings and gives the
// partial results to the projection's loader, which makes rows. It returns the
// loader, which can make the indexes then.
func (b *Builder) Load(ctx context.Context, l Load) (app.Loader, error) {
	memory := b.Memory
	if memory == 0 {
		memory = app.DefaultMemory
	}
	w := load{Load: l, builder: b, loader: l.Projection.Tables.Loading.Load(l.Generation, memory/2), foldSize: int(memory / 16)}
	if err := w.plan(ctx); err != nil {
		return nil, err
	}
	if err := app.InWorkers(ctx, b.Workers, w.work); err != nil {
		return nil, err
	}
	if err := w.loader.Finish(ctx); err != nil {
		return nil, fmt.Errorf("load %s: %w", l.Projection.Name, err)
	}
	return w.loader, nil
}

// load is a Load under way.
type load struct {
	Load
	builder  *Builder
	loader   app.Loader
	foldSize int // bytes that a fold may hold before the loader gets it
	chunks   []eventlog.Range
	next     atomic.Int64 // index of the next chunk
}

// plan works out what is left to read.
func (l *load) plan(ctx context.Context) error {
	return l.builder.DB.InTx(ctx, func(tx app.Tx) error {
		loaded, err := l.Projection.Tables.Loading.Loaded(ctx, tx, l.Generation)
		if err != nil {
			return fmt.Errorf("look up what is loaded of %s: %w", l.Projection.Name, err)
		}
		l.chunks = eventlog.Range{UpTo: l.UpTo}.Without(loaded, app.Chunk)
		return nil
	})
}

// besides is how many workers read beside others who are at work.
const besides = 2

// work reads chunk after chunk until none is left.
func (l *load) work(ctx context.Context, number int) (err error) {
	w := worker{load: l, fold: l.Projection.Fold()}
	for err == nil {
		for number >= besides && l.Busy() && int(l.next.Load()) < len(l.chunks) && ctx.Err() == nil {
			app.Rest(ctx, watchEvery/5)
		}
		n := int(l.next.Add(1)) - 1
		if n >= len(l.chunks) {
			return w.flush(ctx)
		}
		started := time.Now()
		if err = w.readChunk(ctx, l.chunks[n]); err == nil {
			l.Pace(ctx, time.Since(started))
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
	err := w.builder.DB.InSnapshot(ctx, func(tx app.Tx) error {
		return w.builder.Log.Read(ctx, tx, r, w.Projection.Kinds, func(e *eventlog.Entry) error {
			rows++
			calls += w.reader.Read(e, w.Mappings, w.fold)
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
	w.Read(ReadSoFar{Rows: rows, Calls: calls})
	return nil
}

// flush gives what is folded to the loader.
func (w *worker) flush(ctx context.Context) error {
	fold, holds := w.fold, w.holds
	w.fold, w.holds = w.Projection.Fold(), nil
	w.Read(ReadSoFar{Issues: fold.Ignored().Total()})
	if err := w.loader.Add(ctx, fold, holds); err != nil {
		return fmt.Errorf("load %s: %w", w.Projection.Name, err)
	}
	return nil
}
