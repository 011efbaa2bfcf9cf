package sample

import (
	"cmp"
	"context"
	"errors"
	"time"

	"relay/app"
	"relay/app/replay"
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
	joined    bool            // whether these are the anonymousId's
	wanted    map[string]bool // nil: everybody
	mappings  projections.Mappings

	people map[string]bool
	calls  int64
}

func (u *subset) tally(fold projections.Fold) *tally {
	joined := u.linking != nil
	return &tally{
		Fold: fold, kinds: u.projection.Kinds, anonymous: u.projection.PerCall || joined, joined: joined,
		wanted: u.people, people: map[string]bool{},
	}
}

// Call implements projections.Fold.
func (t *tally) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	id, whose := c.UserID, c.UserID
	if id == "" && t.anonymous {
		id = c.AnonymousID
	}
	if t.joined {
		whose = id
	}
	if !c.Kind.Has(t.kinds) || id == "" || t.wanted != nil && !t.wanted[whose] {
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

// newBatch returns an empty batch.
func (u *subset) newBatch() *batch {
	b := &batch{fold: u.tally(u.projection.Fold())}
	b.fold.mappings = u.mappings(u.replay)
	if u.replay != nil {
		b.now = u.tally(u.projection.Fold())
		b.now.mappings = u.mappings(nil)
	}
	return b
}

// want lets the batch take the calls of other people from now on.
func (b *batch) want(ids map[string]bool) {
	b.fold.wanted = ids
	if b.now != nil {
		b.now.wanted = ids
	}
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
	return app.InWorkers(ctx, u.Builder.Workers, func(ctx context.Context, _ int) error {
		for r, ok := u.next(b); ok; r, ok = u.next(b) {
			if err := u.readRange(ctx, b, r); err != nil {
				return err
			}
		}
		return nil
	})
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
	err := u.DB.InSnapshot(ctx, func(tx app.Tx) error {
		return u.read(ctx, tx, r, u.projection.Kinds, u.people, func(e *eventlog.Entry) error {
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
	u.came(read)
	u.mu.Lock()
	defer u.mu.Unlock()
	b.ranges = append(b.ranges, read)
	if read.UpTo < r.UpTo {
		u.left = append(u.left, eventlog.Range{After: read.UpTo, UpTo: r.UpTo})
	}
	return nil
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
	u.Report(replay.Progress{
		Projection: u.projection.Name, Phase: phase, Done: int64(u.done), Total: int64(u.served.Checkpoint),
		Calls: u.calls, CallsPerSecond: float64(u.calls) / max(time.Since(u.started).Seconds(), 0.001),
	})
}
