package tables

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/ingeststore"
	"relay/app"
	"relay/app/erasure"
	"relay/domain/eventlog"
)

// Erasures implements app.Erasures.
type Erasures struct{}

var _ app.Erasures = Erasures{}

// Lock implements app.Erasures.
func (Erasures) Lock(ctx context.Context, tx app.Tx) error {
	_, err := tx.ExecContext(ctx, `SELECT `+postgres.Erasures.InTx())
	return failed(err, "lock erasures")
}

// Pend implements app.Erasures.
func (Erasures) Pend(ctx context.Context, tx app.Tx, generation int64, e app.PendingErasure) error {
	entries := make([]int64, len(e.Entries))
	for i, o := range e.Entries {
		entries[i] = int64(o)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO relay_store.pending_erasures
    (generation, ids, anonymous, claims, aliases, entries, recount) VALUES ($1, $2, $3, $4, $5, $6, $7)`, generation,
		notNull(e.Erased.Users), notNull(e.Erased.Anonymous), notNull(e.Erased.Claims), notNull(e.Erased.Aliases), pq.Array(entries), e.Recount)
	return failed(err, "note the erasure for generation %d", generation)
}

// notNull returns the list as an array that may be empty, but is not NULL.
func notNull(list []string) pq.StringArray { return append(pq.StringArray{}, list...) }

// Pending implements app.Erasures.
func (Erasures) Pending(ctx context.Context, tx app.Tx, generation int64) ([]app.PendingErasure, error) {
	rows, err := tx.QueryContext(ctx, `SELECT ids, anonymous, claims, aliases, entries, recount
FROM relay_store.pending_erasures WHERE generation = $1`, generation)
	if err != nil {
		return nil, fmt.Errorf("read the erasures noted for generation %d: %w", generation, err)
	}
	defer rows.Close()
	var list []app.PendingErasure
	for rows.Next() {
		var e app.PendingErasure
		var entries []int64
		err := rows.Scan(pq.Array(&e.Erased.Users), pq.Array(&e.Erased.Anonymous),
			pq.Array(&e.Erased.Claims), pq.Array(&e.Erased.Aliases), pq.Array(&entries), &e.Recount)
		if err != nil {
			return nil, err
		}
		for _, o := range entries {
			e.Entries = append(e.Entries, eventlog.Offset(o))
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// DeletePending implements app.Erasures.
func (Erasures) DeletePending(ctx context.Context, tx app.Tx, generation int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM relay_store.pending_erasures WHERE generation = $1`, generation)
	return err
}

var _ erasure.RejectedEraser = ingeststore.Rejected{}
