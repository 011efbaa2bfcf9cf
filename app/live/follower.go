package live

import (
	"context"
	"sync/atomic"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// Follower merges one batch after the other. It keeps the parsed mappings until a
// control entry comes. It is not for concurrent use.
type Follower struct {
	projector  *Projector
	projection app.Projection
	replay     *app.Replay
	served     bool // whether it follows what people query
	reader     projections.Reader

	history     projections.Mappings // of the whole log
	mappings    projections.Mappings // up to the batch's end
	controlHead eventlog.Offset      // of the log when history was read
	generation  int64                // of the last batch; 0: none yet
	joined      bool                 // whether the generation is ready for mappings that join ids
	bounding    atomic.Uint32        // the kinds of entries that bound ranges; read by the consumer's goroutine
}

// NewFollower returns a follower of the projection under the timeline that the
// replay makes; nil: under the one of the log.
func NewFollower(p *Projector, projection app.Projection, replay *app.Replay) *Follower {
	f := &Follower{projector: p, projection: projection, replay: replay}
	f.bounding.Store(uint32(projection.Kinds))
	return f
}

// Merge brings a batch's range into its generation's tables, all in the batch's
// transaction.
func (f *Follower) Merge(ctx context.Context, b app.Batch) error {
	if err := f.readMappings(ctx, b); err != nil {
		return err
	}
	return f.merge(ctx, b)
}

// take implements app.HandleBatch: it is Merge for a batch that a consumer
// announced, and may ask for other bounds.
func (f *Follower) take(ctx context.Context, b app.Batch) (taken bool, err error) {
	if err := f.readMappings(ctx, b); err != nil {
		return false, err
	}
	if !f.bounds() {
		return false, nil
	}
	err = f.merge(ctx, b)
	return err == nil, err
}

// readMappings reads the mappings that hold in the batch's range, unless they are
// known.
func (f *Follower) readMappings(ctx context.Context, b app.Batch) error {
	if f.generation != b.Generation || f.controlHead != b.ControlHead {
		history, err := app.ReadHistory(ctx, b.Tx, f.projector.Controls)
		if err != nil {
			return err
		}
		if f.generation != b.Generation {
			f.joined = false
			f.bounding.Store(uint32(f.projection.Kinds))
		}
		f.history = history.Mappings(f.projection.Name, f.replay)
		f.controlHead, f.generation = history.Head, b.Generation
	}
	f.mappings = f.history.UpTo(b.Range.UpTo)
	return nil
}

// boundingKinds returns the kinds of the entries whose number and size bound the
// ranges that the follower takes.
func (f *Follower) boundingKinds() segment.Kinds { return segment.Kinds(f.bounding.Load()) }

// bounds reports whether all kinds of entries that are to be read bounded the
// range. If not, it may hold any number of the others, and the next range is
// bounded by them, too.
func (f *Follower) bounds() bool {
	needed := f.projection.Under(f.mappings).Kinds
	if needed&^f.boundingKinds() == 0 {
		return true
	}
	f.bounding.Store(uint32(needed))
	return false
}

// merge merges a batch under the mappings that were read for it.
func (f *Follower) merge(ctx context.Context, b app.Batch) error {
	started := time.Now()
	if err := f.prepareJoin(ctx, b); err != nil {
		return err
	}
	m := merger{
		projector: f.projector, projection: f.projection, mappings: f.mappings,
		kinds: f.projection.Under(f.mappings).Kinds, reader: &f.reader,
	}
	result, err := m.merge(ctx, b)
	if err != nil {
		return err
	}
	if observe := f.projector.Observe; observe != nil {
		result.Took = time.Since(started)
		observe(f.projection.Name, result)
	}
	return nil
}
