package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"relay/domain/eventlog"
	"relay/projections"
)

// Projector keeps generations up to date with the log.
type Projector struct {
	DB          Database
	Log         LogReader
	Controls    Controls
	Generations Generations
	Consumer    Consumer
	// Observe, if set, is told of each batch that was merged.
	Observe func(projection string, batch BatchResult)
}

// BatchResult says what one batch amounted to.
type BatchResult struct {
	Calls  int
	Issues projections.Issues
	Took   time.Duration
}

// Run keeps the served generations of the projections up to date until ctx
// ends; it finishes the batches under way before it returns.
func (p *Projector) Run(ctx context.Context, all []Projection) error {
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
func (p *Projector) Follow(ctx context.Context, projection Projection, generation int64, replay *Replay, after func(eventlog.Range)) error {
	f := follower{projector: p, projection: projection, replay: replay, served: generation == 0}
	f.kinds.Store(uint32(projection.Kinds))
	consumption := Consumption{Projection: projection.Name, Kinds: f.bounding, Generation: generation}
	return p.Consumer.Consume(ctx, consumption, func(ctx context.Context, b Batch) error {
		if err := f.bound(ctx, b); err != nil {
			return err
		}
		if err := f.merge(ctx, b); err != nil {
			return err
		}
		if after != nil {
			after(b.Range)
		}
		return nil
	})
}

// follower merges one batch after the other; it keeps the parsed mappings as
// long as no control entry comes.
type follower struct {
	projector  *Projector
	projection Projection
	replay     *Replay
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

// merge brings a batch's range into its generation's tables, all in the batch's
// transaction.
func (f *follower) merge(ctx context.Context, b Batch) error {
	started := time.Now()
	if err := f.readMappings(ctx, b); err != nil {
		return err
	}
	if err := f.join(ctx, b); err != nil {
		return err
	}
	calls, ignored, err := f.mergeAll(ctx, b)
	if err == nil && f.projector.Observe != nil {
		f.projector.Observe(f.projection.Name, BatchResult{Calls: calls, Issues: ignored, Took: time.Since(started)})
	}
	return err
}

// mergeAll merges a batch's range under the mappings that were read for it.
func (f *follower) mergeAll(ctx context.Context, b Batch) (calls int, ignored projections.Issues, err error) {
	calls, ignored, err = f.mergeRange(ctx, b, b.Range)
	if errors.Is(err, ErrUnstorable) {
		calls, ignored, err = f.mergeEach(ctx, b)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("merge log offsets %d to %d into %s: %w", b.Range.After+1, b.Range.UpTo, f.projection.Name, err)
	}
	if err := f.projector.Generations.AddIssues(ctx, b.Tx, b.Generation, ignored); err != nil {
		return 0, nil, fmt.Errorf("note what was ignored: %w", err)
	}
	return calls, ignored, nil
}

// mergeRange merges a range as a whole, or not at all.
func (f *follower) mergeRange(ctx context.Context, b Batch, r eventlog.Range) (calls int, ignored projections.Issues, err error) {
	fold := f.projection.fold()
	into := f.filtered(fold)
	err = f.projector.Log.Read(ctx, b.Tx, r, f.reads(), func(e *eventlog.Entry) error {
		calls += f.reader.Read(e, f.mappings, into)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	err = f.projector.DB.Try(ctx, b.Tx, func() error { return f.projection.Tables.Merge(ctx, b.Tx, b.Generation, fold) })
	return calls, fold.Ignored(), err
}

// mergeEach merges a range's entries one by one. An entry that the database
// cannot hold is passed over with an issue: nothing that a payload holds may
// stop a projection.
func (f *follower) mergeEach(ctx context.Context, b Batch) (calls int, ignored projections.Issues, err error) {
	var heads []eventlog.Entry
	err = f.projector.Log.Read(ctx, b.Tx, b.Range, f.reads(), func(e *eventlog.Entry) error {
		head := *e
		head.Payload = nil
		heads = append(heads, head)
		return nil
	})
	ignored = projections.Issues{}
	for i := 0; err == nil && i < len(heads); i++ {
		n, issues, failed := f.mergeRange(ctx, b, eventlog.Range{After: heads[i].Offset - 1, UpTo: heads[i].Offset})
		if errors.Is(failed, ErrUnstorable) {
			ignored.Add(&heads[i], projections.Unstorable, "the payload")
			failed = nil
		}
		calls, err = calls+n, failed
		ignored.Merge(issues)
	}
	return calls, ignored, err
}

func (f *follower) readMappings(ctx context.Context, b Batch) error {
	if !f.known || f.controlHead != b.ControlHead || f.generation != b.Generation {
		history, err := ReadHistory(ctx, b.Tx, f.projector.Controls)
		if err != nil {
			return err
		}
		if f.generation != b.Generation {
			f.joined = false
			f.kinds.Store(uint32(f.projection.Kinds))
		}
		f.history = history.Mappings(f.projection.Name, f.replay)
		f.controlHead, f.generation, f.known = history.Head, b.Generation, true
	}
	f.mappings = f.history.UpTo(b.Range.UpTo)
	return nil
}
