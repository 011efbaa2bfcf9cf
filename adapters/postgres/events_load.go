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
	f := fold.(*projections.EventsFold)
	keys, err := l.write(ctx, f.Events)
	if isUnstorable(err) {
		keys, err = l.writeEach(ctx, f)
	}
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

func (l *eventsLoader) write(ctx context.Context, events []projections.Event) (keys []messageKey, err error) {
	err = inTx(ctx, l.db, func(tx *sql.Tx) error {
		return writeEvents(ctx, tx, fmt.Sprintf(writeEventsSQL, l.generation), events, func(key messageKey) { keys = append(keys, key) })
	})
	return keys, err
}

// writeEach writes events one by one. An entry whose events the database cannot
// hold is passed over whole, as the live projection does.
func (l *eventsLoader) writeEach(ctx context.Context, f *projections.EventsFold) (all []messageKey, err error) {
	for start := 0; start < len(f.Events) && err == nil; {
		end := start + 1
		for end < len(f.Events) && f.Events[end].Offset == f.Events[start].Offset {
			end++
		}
		var keys []messageKey
		if keys, err = l.write(ctx, f.Events[start:end]); isUnstorable(err) {
			first := f.Events[start]
			f.Ignored().Add(&eventlog.Entry{Offset: first.Offset, Source: first.Source, ReceivedAt: first.ReceivedAt}, projections.Unstorable, "the payload")
			keys, err = nil, nil
		}
		all = append(all, keys...)
		start = end
	}
	return all, err
}

// dropDoublesSQL keeps, of the rows with a suspect key, the one with the lowest
// position. Plan: one scan of the table, hashed against the suspects.
const dropDoublesSQL = `WITH suspect AS MATERIALIZED (
    SELECT e.ctid AS place, row_number() OVER (PARTITION BY message_key ORDER BY log_offset, log_index) AS n
    FROM relay_store.events_g%[1]d e WHERE message_key IN (SELECT unnest($1::uuid[]))
)
DELETE FROM relay_store.events_g%[1]d WHERE ctid IN (SELECT place FROM suspect WHERE n > 1)`

// Finish implements app.Loader.
func (l *eventsLoader) Finish(ctx context.Context) (projections.Issues, error) {
	if len(l.suspect) == 0 {
		return nil, nil
	}
	keys := newColumn(oidUUID)
	for _, key := range l.suspect {
		keys.bytes(key[:])
	}
	if _, err := l.db.ExecContext(ctx, fmt.Sprintf(dropDoublesSQL, l.generation), keys); err != nil {
		return nil, fmt.Errorf("drop events that came twice: %w", err)
	}
	return nil, nil
}
