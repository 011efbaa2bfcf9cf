package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// Projector keeps generations up to date with the log.
type Projector struct {
	DB       app.Database
	Log      app.LogReader
	Controls app.Controls
	Issues   IssueAdder
	Consumer app.Consumer
	// Observe, if set, is told of each batch that was merged.
	Observe func(projection string, batch BatchResult)
}

// IssueAdder records what folds ignored.
type IssueAdder interface {
	// AddIssues adds to what a generation's fold ignored.
	AddIssues(ctx context.Context, tx app.Tx, generation int64, issues projections.Issues) error
}

// BatchResult says what one batch amounted to.
type BatchResult struct {
	Calls  int
	Issues projections.Issues
	Took   time.Duration
}

// Run keeps the served generations of the projections up to date until ctx
// ends; it finishes the batches under way before it returns.
func (p *Projector) Run(ctx context.Context, all []app.Projection) error {
	var wg sync.WaitGroup
	errs := make(chan error, len(all))
	for _, projection := range all {
		wg.Go(func() { errs <- p.Follow(ctx, projection, 0, nil, nil) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Follow keeps one generation up to date until ctx ends: the served one, or the
// given one under the timeline that the replay wants. after, if set, is called
// with each range that was merged and will be committed.
func (p *Projector) Follow(ctx context.Context, projection app.Projection, generation int64, replay *app.Replay, after func(eventlog.Range)) error {
	f := Follower{Projector: p, Projection: projection, Replay: replay, served: generation == 0}
	f.kinds.Store(uint32(projection.Kinds))
	consumption := app.Consumption{Projection: projection.Name, Kinds: f.bounding, Generation: generation}
	return p.Consumer.Consume(ctx, consumption, func(ctx context.Context, b app.Batch) error {
		if err := f.bound(ctx, b); err != nil {
			return err
		}
		if err := f.Merge(ctx, b); err != nil {
			return err
		}
		if after != nil {
			after(b.Range)
		}
		return nil
	})
}

// Follower merges one batch after the other; it keeps the parsed mappings as
// long as no control entry comes.
type Follower struct {
	Projector  *Projector
	Projection app.Projection
	Replay     *app.Replay
	served     bool // whether it follows what people query

	reader      projections.Reader
	history     projections.Mappings // of the whole log
	mappings    projections.Mappings // up to the batch's end
	controlHead eventlog.Offset
	generation  int64
	known       bool
	joined      bool          // whether the generation is ready for mappings that join ids
	late        bool          // whether only calls are merged that are Late
	kinds       atomic.Uint32 // that bound ranges
}

// Merge brings a batch's range into its generation's tables, all in the batch's
// transaction.
func (f *Follower) Merge(ctx context.Context, b app.Batch) error {
	started := time.Now()
	if err := f.readMappings(ctx, b); err != nil {
		return err
	}
	if err := f.join(ctx, b); err != nil {
		return err
	}
	calls, ignored, err := f.mergeAll(ctx, b)
	if err == nil && f.Projector.Observe != nil {
		f.Projector.Observe(f.Projection.Name, BatchResult{Calls: calls, Issues: ignored, Took: time.Since(started)})
	}
	return err
}

// mergeAll merges a batch's range under the mappings that were read for it.
func (f *Follower) mergeAll(ctx context.Context, b app.Batch) (calls int, ignored projections.Issues, err error) {
	calls, ignored, err = f.mergeRange(ctx, b, b.Range)
	if errors.Is(err, app.ErrUnstorable) {
		calls, ignored, err = f.mergeEach(ctx, b)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("merge log offsets %d to %d into %s: %w", b.Range.After+1, b.Range.UpTo, f.Projection.Name, err)
	}
	if err := f.Projector.Issues.AddIssues(ctx, b.Tx, b.Generation, ignored); err != nil {
		return 0, nil, fmt.Errorf("note what was ignored: %w", err)
	}
	return calls, ignored, nil
}

// mergeRange merges a range as a whole, or not at all.
func (f *Follower) mergeRange(ctx context.Context, b app.Batch, r eventlog.Range) (calls int, ignored projections.Issues, err error) {
	fold := f.Projection.Fold()
	into := f.filtered(fold)
	err = f.Projector.Log.Read(ctx, b.Tx, r, f.reads(), func(e *eventlog.Entry) error {
		calls += f.reader.Read(e, f.mappings, into)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	err = f.Projector.DB.Try(ctx, b.Tx, func() error { return f.Projection.Tables.Rows.Merge(ctx, b.Tx, b.Generation, fold) })
	return calls, fold.Ignored(), err
}

// mergeEach merges a range's entries one by one. An entry that the database
// cannot hold is passed over with an issue: nothing that a payload holds may
// stop a projection.
func (f *Follower) mergeEach(ctx context.Context, b app.Batch) (calls int, ignored projections.Issues, err error) {
	var heads []eventlog.Entry
	err = f.Projector.Log.Read(ctx, b.Tx, b.Range, f.reads(), func(e *eventlog.Entry) error {
		head := *e
		head.Payload = nil
		heads = append(heads, head)
		return nil
	})
	ignored = projections.Issues{}
	for i := 0; err == nil && i < len(heads); i++ {
		n, issues, failed := f.mergeRange(ctx, b, eventlog.Range{After: heads[i].Offset - 1, UpTo: heads[i].Offset})
		if errors.Is(failed, app.ErrUnstorable) {
			ignored.Add(&heads[i], projections.Unstorable, "the payload")
			failed = nil
		}
		calls, err = calls+n, failed
		ignored.Merge(issues)
	}
	return calls, ignored, err
}

func (f *Follower) readMappings(ctx context.Context, b app.Batch) error {
	if !f.known || f.controlHead != b.ControlHead || f.generation != b.Generation {
		history, err := app.ReadHistory(ctx, b.Tx, f.Projector.Controls)
		if err != nil {
			return err
		}
		if f.generation != b.Generation {
			f.joined = false
			f.kinds.Store(uint32(f.Projection.Kinds))
		}
		f.history = history.Mappings(f.Projection.Name, f.Replay)
		f.controlHead, f.generation, f.known = history.Head, b.Generation, true
	}
	f.mappings = f.history.UpTo(b.Range.UpTo)
	return nil
}
