package app

import (
	"context"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// LogEraser finds and rewrites payloads. The log is append-only but for it.
type LogEraser interface {
	// Search returns, in order, the offsets of the range's payloads with any of the
	// kinds that may name any of the ids, of persons or messages. It may return
	// others too, and leaves out none.
	Search(ctx context.Context, tx Tx, r eventlog.Range, kinds segment.Kinds, ids []string) ([]eventlog.Offset, error)
	// Rewrite replaces an entry's payload, kinds and erased calls.
	Rewrite(ctx context.Context, tx Tx, e *eventlog.Entry) error
}

// searchStep is how many offsets are searched at a time, and maxSingleReads up
// to how many entries of them are read one by one.
const (
	searchStep     = 2_000
	maxSingleReads = 16
)

// AllKinds are those of all payloads.
const AllKinds = segment.Identify | segment.Track | segment.Page | segment.Screen | segment.Group | segment.Alias | segment.Delete | segment.Unusable

// ReadNaming calls each for the range's entries with any of the kinds that may
// name any of the ids, and for others.
func ReadNaming(ctx context.Context, tx Tx, log LogReader, eraser LogEraser, r eventlog.Range, kinds segment.Kinds, ids []string, each func(*eventlog.Entry) error) error {
	for _, step := range r.Without(nil, searchStep) {
		found, err := eraser.Search(ctx, tx, step, kinds, ids)
		if err != nil {
			return err
		}
		if len(found) > maxSingleReads {
			err = log.Read(ctx, tx, eventlog.Range{After: found[0] - 1, UpTo: found[len(found)-1]}, kinds, each)
		} else {
			err = ReadEach(ctx, tx, log, found, kinds, each)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func ReadEach(ctx context.Context, tx Tx, log LogReader, offsets []eventlog.Offset, kinds segment.Kinds, each func(*eventlog.Entry) error) error {
	for _, o := range offsets {
		if err := log.Read(ctx, tx, eventlog.Range{After: o - 1, UpTo: o}, kinds, each); err != nil {
			return err
		}
	}
	return nil
}
