package logstore

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/erasure"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Deletions implements erasure.Deletions.
type Deletions struct{}

var _ erasure.Deletions = Deletions{}

// Next implements erasure.Deletions. A partial index finds delete calls.
func (Deletions) Next(ctx context.Context, tx app.Tx, limit int) (checkpoint eventlog.Offset, found []eventlog.Offset, err error) {
	if err := tx.QueryRowContext(ctx, `SELECT checkpoint FROM relay_store.deletions`).Scan(&checkpoint); err != nil {
		return 0, nil, fmt.Errorf("read how far delete calls were honoured: %w", err)
	}
	var offsets []int64
	err = tx.QueryRowContext(ctx, `SELECT coalesce(array_agg("offset" ORDER BY "offset"), '{}') FROM (
SELECT "offset" FROM relay.log_identity WHERE `+postgres.HoldsAny("kinds", segment.Delete)+`
    AND "offset" > $1 ORDER BY "offset" LIMIT $2) l`,
		int64(checkpoint), limit).Scan(pq.Array(&offsets))
	for _, o := range offsets {
		found = append(found, eventlog.Offset(o))
	}
	if err != nil {
		err = fmt.Errorf("look for delete calls: %w", err)
	}
	return checkpoint, found, err
}

// Move implements erasure.Deletions.
func (Deletions) Move(ctx context.Context, tx app.Tx, from, to eventlog.Offset) error {
	result, err := tx.ExecContext(ctx, `UPDATE relay_store.deletions SET checkpoint = $2 WHERE checkpoint = $1`, int64(from), int64(to))
	if err != nil {
		return fmt.Errorf("note how far delete calls were honoured: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return erasure.ErrMoved
	}
	return nil
}
