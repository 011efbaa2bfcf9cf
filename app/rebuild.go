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
	Workers int // readers at once; default 2
}

// Load reads the range with several workers, folds it under the mappings and
// gives the partial results to the projection's loader. read, if set, is called
// with the log rows and calls that were read since the last time, from several
// goroutines at once. It returns what the fold ignored.
func (b *Builder) Load(ctx context.Context, p Projection, generation int64, r eventlog.Range, mappings projections.Mappings, read func(rows, calls int)) (projections.Issues, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := load{builder: b, projection: p, mappings: mappings, loader: p.Tables.Load(generation), read: read, r: r, ignored: projections.Issues{}}
	l.next.Store(int64(r.After))
	var wg sync.WaitGroup
	for range max(b.Workers, 1) {
		wg.Go(func() {
			if err := l.work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	unstorable, err := l.loader.Finish(ctx)
	l.ignored.Merge(unstorable)
	return l.ignored, err
}

// load is one Load under way.
type load struct {
	builder    *Builder
	projection Projection
	mappings   projections.Mappings
	loader     Loader
	read       func(rows, calls int)
	r          eventlog.Range
	next       atomic.Int64 // the offset after which the next chunk begins

	mu      sync.Mutex
	ignored projections.Issues
}

const (
	// chunk is how many offsets a worker reads in one transaction.
	chunk = 10_000
	// foldSize is how many bytes a fold may hold before the loader gets it.
	foldSize = 16 << 20
)

// work reads chunk after chunk until none is left.
func (l *load) work(ctx context.Context) (err error) {
	w := worker{load: l, fold: l.projection.fold()}
	for err == nil {
		after := eventlog.Offset(l.next.Add(chunk) - chunk)
		if after >= l.r.UpTo {
			return l.add(ctx, w.fold)
		}
		err = w.read(ctx, eventlog.Range{After: after, UpTo: min(after+chunk, l.r.UpTo)})
	}
	return err
}

// worker is one reader of a load.
type worker struct {
	*load
	reader projections.Reader
	fold   projections.Fold
}

// read folds a chunk. A fold that has grown large goes to the loader at once,
// also in the middle of a chunk: payloads can be of any size.
func (w *worker) read(ctx context.Context, r eventlog.Range) error {
	rows, calls := 0, 0
	err := w.builder.DB.InSnapshot(ctx, func(tx Tx) error {
		return w.builder.Log.Read(ctx, tx, r, w.projection.Kinds, func(e *eventlog.Entry) error {
			rows++
			calls += w.reader.Read(e, w.mappings, w.fold)
			if w.fold.Size() < foldSize {
				return nil
			}
			full := w.fold
			w.fold = w.projection.fold()
			return w.add(ctx, full)
		})
	})
	if err == nil && w.load.read != nil {
		w.load.read(rows, calls)
	}
	return err
}

func (l *load) add(ctx context.Context, fold projections.Fold) error {
	if err := l.loader.Add(ctx, fold); err != nil {
		return fmt.Errorf("load %s: %w", l.projection.Name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ignored.Merge(fold.Ignored())
	return nil
}
