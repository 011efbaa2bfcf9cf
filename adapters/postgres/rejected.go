package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relay/app"
)

// Rejected implements app.RejectedStore and app.RejectedReader.
type Rejected struct {
	DB *sql.DB
}

var (
	_ app.RejectedStore  = Rejected{}
	_ app.RejectedReader = Rejected{}
	_ app.Expiring       = Rejected{}
)

// Keep implements app.RejectedStore.
func (r Rejected) Keep(ctx context.Context, b app.RejectedBody) error {
	body := b.Body
	if body == nil {
		body = []byte{}
	}
	_, err := r.DB.ExecContext(ctx, `INSERT INTO relay_store.rejected (request_id, received_at, source, route, code, message, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)`, b.RequestID, b.ReceivedAt, b.Source, b.Route, b.Code, storable(b.Message), body)
	if err != nil {
		return fmt.Errorf("keep a rejected body: %w", err)
	}
	return nil
}

const rejectedColumns = `id, request_id::text, received_at, source, route, code, message, octet_length(body), retried_at`

// Get implements app.RejectedReader.
func (r Rejected) Get(ctx context.Context, id int64) (app.RejectedEntry, error) {
	var e app.RejectedEntry
	row := r.DB.QueryRowContext(ctx, `SELECT `+rejectedColumns+`, body FROM relay_store.rejected WHERE id = $1`, id)
	if err := scanRejected(row, &e, &e.Body); err != nil {
		return e, fmt.Errorf("rejected body %d: %w", id, translate(err))
	}
	return e, nil
}

// List implements app.RejectedReader.
func (r Rejected) List(ctx context.Context, f app.RejectedFilter, before int64, limit int) ([]app.RejectedEntry, error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT `+rejectedColumns+` FROM relay_store.rejected
WHERE id < $1 AND ($2 = '' OR source = $2) AND ($3 = '' OR code = $3) AND (retried_at IS NULL OR NOT $4) ORDER BY id DESC LIMIT $5`,
		before, f.Source, f.Code, f.Waiting, limit)
	if err != nil {
		return nil, fmt.Errorf("list rejected bodies: %w", err)
	}
	defer rows.Close()
	list := []app.RejectedEntry{}
	for rows.Next() {
		var e app.RejectedEntry
		if err := scanRejected(rows, &e); err != nil {
			return nil, fmt.Errorf("list rejected bodies: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

func scanRejected(row interface{ Scan(...any) error }, e *app.RejectedEntry, more ...any) error {
	return row.Scan(append([]any{&e.ID, &e.RequestID, &e.ReceivedAt, &e.Source, &e.Route, &e.Code, &e.Message, &e.Bytes, &e.RetriedAt}, more...)...)
}

// Retried implements app.RejectedReader.
func (r Rejected) Retried(ctx context.Context, id int64, at time.Time) error {
	_, err := r.DB.ExecContext(ctx, `UPDATE relay_store.rejected SET retried_at = $2 WHERE id = $1`, id, at)
	if err != nil {
		return fmt.Errorf("note the retry of rejected body %d: %w", id, err)
	}
	return nil
}

// Discard implements app.RejectedReader.
func (r Rejected) Discard(ctx context.Context, id int64) error {
	if _, err := r.DB.ExecContext(ctx, `DELETE FROM relay_store.rejected WHERE id = $1`, id); err != nil {
		return fmt.Errorf("discard rejected body %d: %w", id, err)
	}
	return nil
}

// Rewrite implements app.RejectedReader.
func (r Rejected) Rewrite(ctx context.Context, id int64, body []byte) error {
	if _, err := r.DB.ExecContext(ctx, `UPDATE relay_store.rejected SET body = $2 WHERE id = $1`, id, body); err != nil {
		return fmt.Errorf("rewrite rejected body %d: %w", id, err)
	}
	return nil
}

// DeleteBefore implements app.Expiring.
func (r Rejected) DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error) {
	return deleteBefore(ctx, r.DB, "relay_store.rejected", "received_at", t, limit)
}
