package app

import (
	"context"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// LogSearcher finds the payloads in the log that hold certain ids.
type LogSearcher interface {
	// Search returns, in order, the offsets of the range's entries that are of any
	// of the kinds and whose payload may contain any of the ids: user ids,
	// anonymous ids or message ids. No such entry is left out; an entry that
	// contains none of the ids may be returned too.
	Search(ctx context.Context, tx Tx, r eventlog.Range, kinds segment.Kinds, ids []string) ([]eventlog.Offset, error)
}

// ReadNaming searches searchStep offsets at a time. Of each step it reads up to
// maxSingleReads entries one by one, and more as one range.
const (
	searchStep     = 2_000
	maxSingleReads = 16
)

// AllKinds are the kinds of all payloads; control entries have none of them.
const AllKinds = segment.Identify | segment.Track | segment.Page | segment.Screen | segment.Group | segment.Alias |
	segment.Delete | segment.Unusable

// ReadNaming calls each, in order of offset, for all entries of the range that are
// of any of the kinds and whose payload may contain any of the ids. It may call
// each for other entries of the range too. The entry's memory is reused after
// each returns; an error of each ends the reading.
func ReadNaming(
	ctx context.Context, tx Tx, log LogReader, searcher LogSearcher,
	r eventlog.Range, kinds segment.Kinds, ids []string, each func(*eventlog.Entry) error,
) error {
	for _, step := range r.Without(nil, searchStep) {
		found, err := searcher.Search(ctx, tx, step, kinds, ids)
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

// ReadEach calls each for those of the entries at the offsets that are of any of
// the kinds, in the order of offsets.
func ReadEach(
	ctx context.Context, tx Tx, log LogReader, offsets []eventlog.Offset, kinds segment.Kinds, each func(*eventlog.Entry) error,
) error {
	for _, o := range offsets {
		if err := log.Read(ctx, tx, eventlog.Range{After: o - 1, UpTo: o}, kinds, each); err != nil {
			return err
		}
	}
	return nil
}
