package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/lib/pq"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Erasures implements app.Erasures.
type Erasures struct{}

var _ app.Erasures = Erasures{}

// Lock implements app.Erasures.
func (Erasures) Lock(ctx context.Context, tx app.Tx) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(1919249779, 3)`); err != nil {
		return fmt.Errorf("lock erasures: %w", err)
	}
	return nil
}

// Pend implements app.Erasures.
func (Erasures) Pend(ctx context.Context, tx app.Tx, generation int64, e app.PendingErasure) error {
	entries := make([]int64, len(e.Entries))
	for i, o := range e.Entries {
		entries[i] = int64(o)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO relay_store.pending_erasures (generation, ids, anonymous, claims, aliases, entries, recount) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		generation, notNull(e.Users), notNull(e.Anonymous), notNull(e.Claims), notNull(e.Aliases), pq.Array(entries), e.Recount)
	if err != nil {
		return fmt.Errorf("note the erasure for generation %d: %w", generation, err)
	}
	return nil
}

// notNull is a list that may be empty, but is not NULL.
func notNull(list []string) pq.StringArray { return append(pq.StringArray{}, list...) }

// Pending implements app.Erasures.
func (Erasures) Pending(ctx context.Context, tx app.Tx, generation int64) ([]app.PendingErasure, error) {
	rows, err := tx.QueryContext(ctx, `SELECT ids, anonymous, claims, aliases, entries, recount FROM relay_store.pending_erasures WHERE generation = $1`, generation)
	if err != nil {
		return nil, fmt.Errorf("read the erasures noted for generation %d: %w", generation, err)
	}
	defer rows.Close()
	var list []app.PendingErasure
	for rows.Next() {
		var e app.PendingErasure
		var entries []int64
		if err := rows.Scan(pq.Array(&e.Users), pq.Array(&e.Anonymous), pq.Array(&e.Claims), pq.Array(&e.Aliases), pq.Array(&entries), &e.Recount); err != nil {
			return nil, err
		}
		for _, o := range entries {
			e.Entries = append(e.Entries, eventlog.Offset(o))
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// Settle implements app.Erasures.
func (Erasures) Settle(ctx context.Context, tx app.Tx, generation int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM relay_store.pending_erasures WHERE generation = $1`, generation)
	return err
}

var _ app.RejectedEraser = Rejected{}

// Erase implements app.RejectedEraser.
func (Rejected) Erase(ctx context.Context, tx app.Tx, id string, upTo segment.Instant) (int, error) {
	ids, err := rejectedNaming(ctx, tx, id, upTo)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM relay_store.rejected WHERE id = ANY ($1)`, pq.Array(ids)); err != nil {
		return 0, fmt.Errorf("erase rejected bodies: %w", err)
	}
	return len(ids), nil
}

// rejectedNaming returns which rejected bodies name the id.
func rejectedNaming(ctx context.Context, tx app.Tx, id string, upTo segment.Instant) (ids []int64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, body FROM relay_store.rejected
WHERE (position($1::bytea IN body) > 0 OR position($2::bytea IN body) > 0) AND ($3::bigint = 0 OR received_at <= relay_store.instant($3)) ORDER BY id`,
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

// names tells whether a body holds a text that is not part of a longer word.
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

// isWord tells whether a character next to an id makes it another one.
func isWord(r rune) bool {
	return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// Deletions implements app.Deletions.
type Deletions struct{}

var _ app.Deletions = Deletions{}

// Next implements app.Deletions. A partial index finds delete calls.
func (Deletions) Next(ctx context.Context, tx app.Tx, limit int) (checkpoint eventlog.Offset, found []eventlog.Offset, err error) {
	if err := tx.QueryRowContext(ctx, `SELECT checkpoint FROM relay_store.deletions`).Scan(&checkpoint); err != nil {
		return 0, nil, fmt.Errorf("read how far delete calls were honoured: %w", err)
	}
	var offsets []int64
	err = tx.QueryRowContext(ctx, `SELECT coalesce(array_agg("offset" ORDER BY "offset"), '{}') FROM (
SELECT "offset" FROM relay.log_identity WHERE (kinds & 64) <> 0 AND "offset" > $1 ORDER BY "offset" LIMIT $2) l`, int64(checkpoint), limit).Scan(pq.Array(&offsets))
	for _, o := range offsets {
		found = append(found, eventlog.Offset(o))
	}
	if err != nil {
		err = fmt.Errorf("look for delete calls: %w", err)
	}
	return checkpoint, found, err
}

// Move implements app.Deletions.
func (Deletions) Move(ctx context.Context, tx app.Tx, from, to eventlog.Offset) error {
	result, err := tx.ExecContext(ctx, `UPDATE relay_store.deletions SET checkpoint = $2 WHERE checkpoint = $1`, int64(from), int64(to))
	if err != nil {
		return fmt.Errorf("note how far delete calls were honoured: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return app.ErrMoved
	}
	return nil
}
