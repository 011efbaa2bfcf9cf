package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"relay/app"
	"relay/projections"
)

// Load implements app.Tables.
func (e Events) Load(generation int64) app.Loader {
	return &eventsLoader{db: e.DB, generation: generation, seen: newSeenFilter()}
}

// eventsLoader writes events as they come and drops doubles at the end: workers
// are not in step, so which of two comes first says nothing.
type eventsLoader struct {
	db         *sql.DB
	generation int64

	mu      sync.Mutex
	seen    *seenFilter
	suspect []messageKey // keys that may have come before
}

// Add implements app.Loader.
func (l *eventsLoader) Add(ctx context.Context, fold projections.Fold) error {
	events := fold.(*projections.EventsFold).Events
	keys := make([]messageKey, 0, len(events))
	err := inTx(ctx, l.db, func(tx *sql.Tx) error {
		return writeEvents(ctx, tx, fmt.Sprintf(writeEventsSQL, l.generation), events, func(key messageKey) { keys = append(keys, key) })
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if l.seen.add(key) {
			l.suspect = append(l.suspect, key)
		}
	}
	return nil
}

// dropDoublesSQL keeps, of the rows with a suspect key, the one with the lowest
// position. Plan: one scan of the table, hashed against the suspects.
const dropDoublesSQL = `WITH suspect AS MATERIALIZED (
    SELECT e.ctid AS place, row_number() OVER (PARTITION BY message_key ORDER BY log_offset, log_index) AS n
    FROM relay_store.events_g%[1]d e WHERE message_key IN (SELECT unnest($1::uuid[]))
)
DELETE FROM relay_store.events_g%[1]d WHERE ctid IN (SELECT place FROM suspect WHERE n > 1)`

// Finish implements app.Loader.
func (l *eventsLoader) Finish(ctx context.Context) error {
	if len(l.suspect) == 0 {
		return nil
	}
	keys := newColumn(oidUUID)
	for _, key := range l.suspect {
		keys.bytes(key[:])
	}
	if _, err := l.db.ExecContext(ctx, fmt.Sprintf(dropDoublesSQL, l.generation), keys); err != nil {
		return fmt.Errorf("drop events that came twice: %w", err)
	}
	return nil
}
