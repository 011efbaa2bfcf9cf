package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/lib/pq"

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
	joins      bool // whether mappings join ids; known after Finish

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
		if err := l.write(ctx, tx, f, &keys); err != nil {
			return err
		}
		if err := keepLinks(ctx, tx, l.generation, f.Links); err != nil {
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

// Of the rows with a suspect key all but the one with the lowest position go.
//
// Plans: one scan of the table, by several workers where the server has some, and
// the rows' places.
const (
	findDoublesSQL = `SELECT place::text FROM (
    SELECT ctid AS place, row_number() OVER (PARTITION BY message_key ORDER BY log_offset, log_index) AS n
    FROM relay_store.events_g%[1]d WHERE message_key = ANY ($1::uuid[])
) suspect WHERE n > 1`
	dropDoublesSQL = `DELETE FROM relay_store.events_g%[1]d WHERE ctid = ANY ($1::text[]::tid[])`
)

// Finish implements app.Loader.
func (l *eventsLoader) Finish(ctx context.Context) error {
	if err := l.recall(ctx); err != nil {
		return err
	}
	if err := l.dropDoubles(ctx); err != nil {
		return err
	}
	joins, err := finishLinks(ctx, l.db, l.generation)
	l.joins = joins
	return err
}

func (l *eventsLoader) dropDoubles(ctx context.Context) error {
	if len(l.suspect) == 0 {
		return nil
	}
	keys := newColumn(oidUUID)
	for _, key := range l.suspect {
		keys.bytes(key[:])
	}
	return inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		doubles, err := readTexts(ctx, tx, fmt.Sprintf(findDoublesSQL, l.generation), keys)
		if err != nil {
			return fmt.Errorf("look for events that came twice: %w", err)
		}
		if len(doubles) == 0 {
			return nil
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(dropDoublesSQL, l.generation), pq.Array(doubles)); err != nil {
			return fmt.Errorf("drop events that came twice: %w", err)
		}
		return nil
	})
}

// Index implements app.Loader. Two connections make the indexes, which keeps two
// processors busier than the server's own workers do.
func (l *eventsLoader) Index(ctx context.Context) error {
	others := eventsOtherIndexes
	if l.joins {
		others += ";" + eventsJoinedIndex
	}
	failed := make(chan error, 1)
	go func() { failed <- l.index(ctx, others) }()
	err := l.index(ctx, eventsMessageIndex)
	if err = errors.Join(err, <-failed); err != nil {
		return err
	}
	return inTx(ctx, l.db, func(tx *sql.Tx) error { return execFor(ctx, tx, eventsAnalyze, l.generation) })
}

func (l *eventsLoader) index(ctx context.Context, statements string) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		return execFor(ctx, tx, `SET LOCAL max_parallel_maintenance_workers = 0;`+statements, l.generation)
	})
}
