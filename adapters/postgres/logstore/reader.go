package logstore

import (
	"context"
	"fmt"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Reader implements app.LogReader. It is safe for concurrent use.
type Reader struct{}

var _ app.LogReader = Reader{}

// Read implements app.LogReader.
func (l Reader) Read(ctx context.Context, tx app.Tx, r eventlog.Range, kinds segment.Kinds, each func(*eventlog.Entry) error) error {
	if r.UpTo-r.After > piece {
		head, err := l.Head(ctx, tx)
		if err != nil {
			return err
		}
		r.UpTo = min(r.UpTo, head)
	}
	f := newFrames(tx, r, kinds, each)
	for !f.left.Empty() {
		if err := f.next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Head implements app.LogReader.
func (Reader) Head(ctx context.Context, tx app.Tx) (head eventlog.Offset, err error) {
	if err := tx.QueryRowContext(ctx, headOfLog).Scan(&head); err != nil {
		return 0, fmt.Errorf("find the log's head: %w", err)
	}
	return head, nil
}

// FirstAt implements replay.TimeFinder. Times of receipt nearly grow with the
// offset, so an index of a few bytes for each stretch of pages finds them.
func (Reader) FirstAt(ctx context.Context, tx app.Tx, at time.Time) (offset eventlog.Offset, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(
    (SELECT min("offset") FROM relay.log WHERE received_at >= $1),
    (SELECT coalesce(max("offset"), 0) + 1 FROM relay.log))`, at).Scan(&offset)
	if err != nil {
		return 0, fmt.Errorf("find what was received at %s or later: %w", at.Format(time.RFC3339Nano), err)
	}
	return offset, nil
}
