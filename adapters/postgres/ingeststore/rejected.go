package ingeststore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

// Rejected implements ingest.RejectedStore and app.RejectedReader.
type Rejected struct {
	DB *sql.DB
}

var (
	_ ingest.RejectedStore  = Rejected{}
	_ ingest.RejectedReader = Rejected{}
	_ app.Expiring          = Rejected{}
)

// Keep implements ingest.RejectedStore. It returns before the deadline of ctx,
// also where the server is silent.
func (r Rejected) Keep(ctx context.Context, b ingest.RejectedBody) error {
	ctx, cancel := postgres.InTime(ctx)
	defer cancel()
	body := b.Body
	if body == nil {
		body = []byte{}
	}
	_, err := r.DB.ExecContext(ctx, `INSERT INTO relay_store.rejected (request_id, received_at, source, route, code, message, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)`, b.RequestID, b.ReceivedAt, b.Source, b.Route, b.Code, postgres.Storable(b.Message), body)
	if err != nil {
		return fmt.Errorf("keep a rejected body: %w", err)
	}
	return nil
}

const rejectedColumns = `id, request_id::text, received_at, source, route, code, message, octet_length(body), retried_at`

// Get implements ingest.RejectedReader.
func (r Rejected) Get(ctx context.Context, id int64) (ingest.RejectedEntry, error) {
	var e ingest.RejectedEntry
	row := r.DB.QueryRowContext(ctx, `SELECT `+rejectedColumns+`, body FROM relay_store.rejected WHERE id = $1`, id)
	if err := scanRejected(row, &e, &e.Body); err != nil {
		return e, fmt.Errorf("rejected body %d: %w", id, postgres.Translate(err))
	}
	return e, nil
}

// List implements ingest.RejectedReader.
func (r Rejected) List(ctx context.Context, f ingest.RejectedFilter, before int64, limit int) ([]ingest.RejectedEntry, error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT `+rejectedColumns+` FROM relay_store.rejected
WHERE id < $1 AND ($2 = '' OR source = $2) AND ($3 = '' OR code = $3) AND (retried_at IS NULL OR NOT $4) ORDER BY id DESC LIMIT $5`,
		before, f.Source, f.Code, f.Waiting, limit)
	if err != nil {
		return nil, fmt.Errorf("list rejected bodies: %w", err)
	}
	defer rows.Close()
	list := []ingest.RejectedEntry{}
	for rows.Next() {
		var e ingest.RejectedEntry
		if err := scanRejected(rows, &e); err != nil {
			return nil, fmt.Errorf("list rejected bodies: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

func scanRejected(row interface{ Scan(...any) error }, e *ingest.RejectedEntry, more ...any) error {
	fields := []any{&e.ID, &e.RequestID, &e.ReceivedAt, &e.Source, &e.Route, &e.Code, &e.Message, &e.Bytes, &e.RetriedAt}
	return row.Scan(append(fields, more...)...)
}

// Retried implements ingest.RejectedReader.
func (r Rejected) Retried(ctx context.Context, id int64, at time.Time) error {
	_, err := r.DB.ExecContext(ctx, `UPDATE relay_store.rejected SET retried_at = $2 WHERE id = $1`, id, at)
	if err != nil {
		return fmt.Errorf("note the retry of rejected body %d: %w", id, err)
	}
	return nil
}

// Discard implements ingest.RejectedReader.
func (r Rejected) Discard(ctx context.Context, id int64) error {
	if _, err := r.DB.ExecContext(ctx, `DELETE FROM relay_store.rejected WHERE id = $1`, id); err != nil {
		return fmt.Errorf("discard rejected body %d: %w", id, err)
	}
	return nil
}

// Rewrite implements ingest.RejectedReader.
func (r Rejected) Rewrite(ctx context.Context, id int64, body []byte) error {
	if _, err := r.DB.ExecContext(ctx, `UPDATE relay_store.rejected SET body = $2 WHERE id = $1`, id, body); err != nil {
		return fmt.Errorf("rewrite rejected body %d: %w", id, err)
	}
	return nil
}

// DeleteBefore implements app.Expiring.
func (r Rejected) DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error) {
	return postgres.DeleteBefore(ctx, r.DB, "relay_store.rejected", "received_at", t, limit)
}

// Erase implements erasure.RejectedEraser.
func (Rejected) Erase(ctx context.Context, tx app.Tx, id string, upTo segment.Instant) (int, error) {
	ids, err := RejectedNaming(ctx, tx, id, upTo)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM relay_store.rejected WHERE id = ANY ($1)`, pq.Array(ids)); err != nil {
		return 0, fmt.Errorf("erase rejected bodies: %w", err)
	}
	return len(ids), nil
}

// RejectedNaming returns which rejected bodies name the id.
func RejectedNaming(ctx context.Context, tx app.Tx, id string, upTo segment.Instant) (ids []int64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, body FROM relay_store.rejected
WHERE (position($1::bytea IN body) > 0 OR position($2::bytea IN body) > 0)
  AND ($3::bigint = 0 OR received_at <= relay_store.instant($3)) ORDER BY id`,
		[]byte(id), escaped(id), int64(upTo))
	if err != nil {
		return nil, fmt.Errorf("search rejected bodies: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var body []byte
		if err := rows.Scan(&n, &body); err != nil {
			return nil, err
		}
		if names(body, []byte(id)) || names(body, escaped(id)) {
			ids = append(ids, n)
		}
	}
	return ids, rows.Err()
}

// escaped returns an id as it stands between quotes in JSON.
func escaped(id string) []byte {
	text, _ := json.Marshal(id) // a string always marshals
	return text[1 : len(text)-1]
}

// names reports whether a text stands in a body as a word of its own.
func names(body, text []byte) bool {
	if len(text) == 0 {
		return false
	}
	for at := bytes.Index(body, text); at >= 0; {
		end := at + len(text)
		before, _ := utf8.DecodeLastRune(body[:at])
		after, _ := utf8.DecodeRune(body[end:])
		if !isWord(before) && !isWord(after) {
			return true
		}
		next := bytes.Index(body[at+1:], text)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// isWord reports whether a character next to an id makes another id of it.
func isWord(r rune) bool {
	return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}
