package sample

import (
	"cmp"
	"context"
	"errors"

	"relay/app"
	"relay/domain/eventlog"
)

// defaultBatchSize is the default of Sampler.BatchSize.
const defaultBatchSize = 16 << 20

// collect reads ranges into the batch, with several workers, until all is read or
// the batch is full.
func (u *subset) collect(ctx context.Context, b *batch) error {
	return app.InWorkers(ctx, u.sampler.Workers, func(ctx context.Context, _ int) error {
		for r, ok := u.next(b); ok; r, ok = u.next(b) {
			if err := u.collectRange(ctx, b, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// next returns a range to be read into the batch; false: there is none, or the
// batch is full.
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

// complete reports whether nothing more has to be read. The caller holds mu, or is
// alone.
func (u *subset) complete() bool {
	return len(u.left) == 0 || u.enough > 0 && len(u.seen) >= u.enough
}

// full reports whether the batch has to be compared before more is read. States of
// people cannot be compared before all is read. The caller holds mu.
func (u *subset) full(b *batch) bool {
	return u.projection.PerCall && b.rebuilt.Size() >= cmp.Or(u.sampler.BatchSize, defaultBatchSize)
}

// errFull ends the reading of a range in the middle: payloads can be of any size.
var errFull = errors.New("the batch is full")

// collectRange reads a range into the batch. What does not fit is left to be read.
func (u *subset) collectRange(ctx context.Context, b *batch, r eventlog.Range) error {
	read := r
	err := u.store.DB.InSnapshot(ctx, func(tx app.Tx) error {
		return u.read(ctx, tx, r, u.projection.Kinds, u.people, func(e *eventlog.Entry) error {
			if full := u.fold(b, e); !full {
				return nil
			}
			read.UpTo = e.Offset
			return errFull
		})
	})
	if err != nil && !errors.Is(err, errFull) {
		return err
	}
	u.countRead(read)
	u.mu.Lock()
	defer u.mu.Unlock()
	b.ranges = append(b.ranges, read)
	if read.UpTo < r.UpTo {
		u.left = append(u.left, eventlog.Range{After: read.UpTo, UpTo: r.UpTo})
	}
	return nil
}

// fold adds an entry to the batch, and reports whether the batch is full then.
func (u *subset) fold(b *batch, e *eventlog.Entry) (full bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := b.rebuilt.calls
	b.add(e)
	u.calls += b.rebuilt.calls - before
	for id := range b.rebuilt.people {
		u.seen[id] = true
	}
	clear(b.rebuilt.people)
	return u.full(b)
}
