package app

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// PhaseReading is when a sample's calls are looked for in the log.
const PhaseReading = "reading"

// batch is what was folded of some ranges of the log.
type batch struct {
	ranges []eventlog.Range
	reader projections.Reader
	fold   *tally // under what is compared
	now    *tally // under what is served; nil where that is the same
}

// tally passes on to a fold the calls of some people, and counts them.
type tally struct {
	projections.Fold
	kinds     segment.Kinds
	anonymous bool            // whether calls without a userId matter
	wanted    map[string]bool // nil: everybody
	mappings  projections.Mappings

	people map[string]bool
	calls  int64
}

func (u *subset) tally(fold projections.Fold) *tally {
	return &tally{Fold: fold, kinds: u.projection.Kinds, anonymous: u.projection.PerCall, wanted: u.people, people: map[string]bool{}}
}

// Call implements projections.Fold.
func (t *tally) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	id := c.UserID
	if id == "" && t.anonymous {
		id = c.AnonymousID
	}
	if !c.Kind.Has(t.kinds) || id == "" || t.wanted != nil && !t.wanted[c.UserID] {
		return
	}
	t.people[id] = true
	t.calls++
	t.Fold.Call(e, c, m)
}

// Reject implements projections.Fold. A call that nobody can use is nobody's.
func (t *tally) Reject(e *eventlog.Entry, code string, n int) {
	if t.wanted == nil {
		t.Fold.Reject(e, code, n)
	}
}

// newBatch returns an empty batch under the mappings of the history.
func (u *subset) newBatch(h History) *batch {
	b := &batch{fold: u.tally(u.projection.fold())}
	b.fold.mappings = h.Mappings(u.projection.Name, u.replay)
	if u.replay != nil {
		b.now = u.tally(u.projection.fold())
		b.now.mappings = h.Mappings(u.projection.Name, nil)
	}
	return b
}

// add folds an entry.
func (b *batch) add(e *eventlog.Entry) {
	b.reader.Read(e, b.fold.mappings, b.fold)
	if b.now != nil {
		b.reader.Read(e, b.now.mappings, b.now)
	}
}

// defaultBatchSize is Sampler.BatchSize where it is not set.
const defaultBatchSize = 16 << 20

// full tells whether the batch has to be compared before more is read. People's
// states are complete only when all is read. The caller holds mu.
func (u *subset) full(b *batch) bool {
	return u.projection.PerCall && b.fold.Size() >= cmp.Or(u.BatchSize, defaultBatchSize)
}

// complete tells whether nothing more has to be read. The caller holds mu, or is
// alone.
func (u *subset) complete() bool {
	return len(u.left) == 0 || u.enough > 0 && len(u.seen) >= u.enough
}

// gather reads with several workers until all is read, or the batch is full.
func (u *subset) gather(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range max(u.Builder.Workers, 1) {
		wg.Go(func() {
			for r, ok := u.next(b); ok; r, ok = u.next(b) {
				if err := u.readRange(ctx, b, r); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// next takes a range that is to be read into the batch.
func (u *subset) next(b *batch) (r eventlog.Range, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.complete() || u.full(b) {
		return r, false
	}
	last := len(u.left) - 1
	r, u.left = u.left[last], u.left[:last]
	return r, true
}

// errFull ends the reading of a range in its middle: payloads can be of any
// size.
var errFull = errors.New("the batch is full")

func (u *subset) readRange(ctx context.Context, b *batch, r eventlog.Range) error {
	read := r
	err := u.DB.InSnapshot(ctx, func(tx Tx) error {
		return u.read(ctx, tx, r, func(e *eventlog.Entry) error {
			if !u.fold(b, e) {
				return nil
			}
			read.UpTo = e.Offset
			return errFull
		})
	})
	if err != nil && !errors.Is(err, errFull) {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	b.ranges = append(b.ranges, read)
	u.done += read.UpTo - read.After
	if read.UpTo < r.UpTo {
		u.left = append(u.left, eventlog.Range{After: read.UpTo, UpTo: r.UpTo})
	}
	u.tell(PhaseReading)
	return nil
}

// read calls each for all entries that can concern the subset.
func (u *subset) read(ctx context.Context, tx Tx, r eventlog.Range, each func(*eventlog.Entry) error) error {
	kinds := u.projection.Kinds
	if u.people == nil {
		return u.Log.Read(ctx, tx, r, kinds, each)
	}
	wanted := func(userID []byte) bool { return u.people[string(userID)] }
	ofThem := func(e *eventlog.Entry) error {
		if !segment.MayBeOf(e.Payload, wanted) {
			return nil
		}
		return each(e)
	}
	if u.search != "" {
		return readNaming(ctx, tx, u.Log, u.Eraser, r, kinds, []string{u.search}, ofThem)
	}
	return u.Log.Read(ctx, tx, r, kinds, ofThem)
}

// fold adds an entry to the batch, and tells whether that is full.
func (u *subset) fold(b *batch, e *eventlog.Entry) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := b.fold.calls
	b.add(e)
	u.calls += b.fold.calls - before
	for id := range b.fold.people {
		u.seen[id] = true
	}
	clear(b.fold.people)
	return u.full(b)
}

// tell tells how far the subset has come. The caller holds mu, or is alone.
func (u *subset) tell(phase string) {
	if u.Report == nil {
		return
	}
	u.Report(Progress{
		Projection: u.projection.Name, Phase: phase, Done: int64(u.done), Total: int64(u.served.Checkpoint),
		Calls: u.calls, CallsPerSecond: float64(u.calls) / max(time.Since(u.started).Seconds(), 0.001),
	})
}
