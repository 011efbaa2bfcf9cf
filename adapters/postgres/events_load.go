package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// Load implements app.Tables. Events are written as they come, so a loader keeps
// none.
func (e Events) Load(generation, _ int64) app.Loader {
	return &eventsLoader{tables: e, db: e.DB, generation: generation, seen: newSeenFilter()}
}

// eventsLoader writes events as they come and drops doubles at the end: workers
// are not in step, so which of two comes first says nothing.
type eventsLoader struct {
	tables     Events
	db         *sql.DB
	generation int64

	mu       sync.Mutex
	seen     *seenFilter
	recalled bool         // whether seen holds what earlier loaders wrote
	suspect  []messageKey // keys that may have come before
}

// Add implements app.Loader.
func (l *eventsLoader) Add(ctx context.Context, fold projections.Fold, of []eventlog.Range) error {
	if err := l.recall(ctx); err != nil {
		return err
	}
	f := fold.(*projections.EventsFold)
	keys := make([]messageKey, 0, len(f.Events))
	err := inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		err := l.write(ctx, tx, f, &keys)
		if err != nil {
			return err
		}
		return noteLoaded(ctx, tx, l.generation, of, f.Ignored())
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		l.suspectDouble(key)
	}
	return nil
}

// write writes a fold's events and collects their keys.
func (l *eventsLoader) write(ctx context.Context, tx *sql.Tx, f *projections.EventsFold, keys *[]messageKey) error {
	err := l.tryWrite(ctx, tx, f.Events, keys)
	if isUnstorable(err) {
		return l.writeEach(ctx, tx, f, keys)
	}
	return err
}

// tryWrite writes the events as a whole, or none.
func (l *eventsLoader) tryWrite(ctx context.Context, tx *sql.Tx, events []projections.Event, keys *[]messageKey) error {
	before := len(*keys)
	err := try(ctx, tx, func() error {
		return writeEvents(ctx, tx, l.generation, events, "", func(key messageKey) { *keys = append(*keys, key) })
	})
	if err != nil {
		*keys = (*keys)[:before]
	}
	return err
}

// writeEach writes events one by one. An entry whose events the database cannot
// hold is passed over whole, as the live projection does.
func (l *eventsLoader) writeEach(ctx context.Context, tx *sql.Tx, f *projections.EventsFold, keys *[]messageKey) (err error) {
	for start := 0; start < len(f.Events) && err == nil; {
		end := start + 1
		for end < len(f.Events) && f.Events[end].Offset == f.Events[start].Offset {
			end++
		}
		if err = l.tryWrite(ctx, tx, f.Events[start:end], keys); isUnstorable(err) {
			first := f.Events[start]
			f.Ignored().Add(&eventlog.Entry{Offset: first.Offset, Source: first.Source, ReceivedAt: first.ReceivedAt}, projections.Unstorable, "the payload")
			err = nil
		}
		start = end
	}
	return err
}

// suspectDouble notes the key, and whether it may have come before. The caller
// holds mu.
func (l *eventsLoader) suspectDouble(key messageKey) {
	if l.seen.add(key) {
		l.suspect = append(l.suspect, key)
	}
}

// recall takes in, once, the keys of what earlier loaders of the generation
// wrote.
func (l *eventsLoader) recall(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recalled {
		return nil
	}
	rows, err := l.db.QueryContext(ctx, fmt.Sprintf(`SELECT message_key FROM relay_store.events_g%d`, l.generation))
	if err != nil {
		return fmt.Errorf("read what is loaded: %w", err)
	}
	defer rows.Close()
	var key sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&key); err != nil {
			return fmt.Errorf("read what is loaded: %w", err)
		}
		l.suspectDouble(messageKey(key))
	}
	l.recalled = rows.Err() == nil
	return rows.Err()
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
	if err := l.recall(ctx); err != nil {
		return err
	}
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

// Index implements app.Loader.
func (l *eventsLoader) Index(ctx context.Context) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error { return l.tables.Index(ctx, tx, l.generation) })
}
