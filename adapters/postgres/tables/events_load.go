package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// Load implements app.Loading. Events are written as they come, so a loader keeps
// none.
func (e Events) Load(generation, _ int64) app.Loader {
	return &eventsLoader{db: e.DB, generation: generation, seen: newSeenFilter()}
}

// eventsLoader writes events as they come. Workers are not in step, so which of
// two with one message id comes first says nothing: one that may have come
// before is held, which is to say that it is written under a key of its own,
// until the index of keys is there to settle which of them stays.
type eventsLoader struct {
	db         *sql.DB
	generation int64
	joins      bool // whether mappings join ids; known after Finish

	mu       sync.Mutex
	seen     *seenFilter
	recalled bool // whether seen holds what earlier loaders wrote
}

// Add implements app.Loader.
func (l *eventsLoader) Add(ctx context.Context, fold projections.Fold, of []eventlog.Range) error {
	f := fold.(*projections.EventsFold)
	keys := messageKeys(f.Events)
	if err := l.hold(ctx, f.Events, keys); err != nil {
		return err
	}
	return inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		if err := l.write(ctx, tx, f, keys); err != nil {
			return err
		}
		if err := keepLinks(ctx, tx, l.generation, f.Links); err != nil {
			return err
		}
		return noteLoaded(ctx, tx, l.generation, of, f.Ignored())
	})
}

// hold exchanges the keys of events that may have come before.
func (l *eventsLoader) hold(ctx context.Context, events []projections.Event, keys []messageKey) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.recall(ctx); err != nil {
		return err
	}
	for i, key := range keys {
		if l.seen.add(key) {
			keys[i] = heldKey(&events[i])
		}
	}
	return nil
}

// write writes a fold's events.
func (l *eventsLoader) write(ctx context.Context, tx *sql.Tx, f *projections.EventsFold, keys []messageKey) error {
	err := l.tryWrite(ctx, tx, f.Events, keys)
	if postgres.IsUnstorable(err) {
		return l.writeEach(ctx, tx, f, keys)
	}
	return err
}

// tryWrite writes the events as a whole, or none.
func (l *eventsLoader) tryWrite(ctx context.Context, tx *sql.Tx, events []projections.Event, keys []messageKey) error {
	return postgres.Try(ctx, tx, func() error { return writeEvents(ctx, tx, l.generation, events, keys, "") })
}

// writeEach writes events one by one. An entry whose events the database cannot
// hold is passed over whole, as the live projection does.
func (l *eventsLoader) writeEach(ctx context.Context, tx *sql.Tx, f *projections.EventsFold, keys []messageKey) (err error) {
	for start := 0; start < len(f.Events) && err == nil; {
		end := start + 1
		for end < len(f.Events) && f.Events[end].Offset == f.Events[start].Offset {
			end++
		}
		if err = l.tryWrite(ctx, tx, f.Events[start:end], keys[start:end]); postgres.IsUnstorable(err) {
			first := f.Events[start]
			entry := eventlog.Entry{Offset: first.Offset, Source: first.Source, ReceivedAt: first.ReceivedAt}
			f.Ignored().Add(&entry, projections.Unstorable, "the payload")
			err = nil
		}
		start = end
	}
	return err
}

// recall takes in, once, the keys of what earlier loaders of the generation
// wrote. The caller holds mu.
func (l *eventsLoader) recall(ctx context.Context) error {
	if l.recalled {
		return nil
	}
	rows, err := l.db.QueryContext(ctx, `SELECT uuid_send(message_key) FROM `+tableOf(projections.Events, l.generation))
	if err != nil {
		return fmt.Errorf("read what is loaded: %w", err)
	}
	defer rows.Close()
	var key sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&key); err != nil {
			return fmt.Errorf("read what is loaded: %w", err)
		}
		l.seen.add(messageKey(key))
	}
	l.recalled = rows.Err() == nil
	return rows.Err()
}

// Finish implements app.Loader.
func (l *eventsLoader) Finish(ctx context.Context) error {
	joins, err := finishLinks(ctx, l.db, l.generation)
	l.joins = joins
	return err
}

// Index implements app.Loader. Two connections make the indexes, which keeps two
// processors busier than the server's own workers do; that of texts takes longest
// by far, and has a worker more.
func (l *eventsLoader) Index(ctx context.Context) error {
	byPerson := eventsPersonIndex
	if l.joins {
		byPerson += ";" + EventsJoinedIndex
	}
	failed := make(chan error, 1)
	go func() { failed <- l.index(ctx, 1, byPerson) }()
	err := l.index(ctx, 0, eventsMessageIndex+";"+eventsLogIndex)
	if err = errors.Join(err, <-failed); err != nil {
		return err
	}
	return inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		if err := settleHeld(ctx, tx, l.generation); err != nil {
			return err
		}
		return execFor(ctx, tx, eventsAnalyze, l.generation)
	})
}

func (l *eventsLoader) index(ctx context.Context, workers int, statements string) error {
	return postgres.InTx(ctx, l.db, func(tx *sql.Tx) error {
		set := postgres.SQL("SET LOCAL max_parallel_maintenance_workers = <workers>;", "workers", workers)
		return execFor(ctx, tx, set+statements, l.generation)
	})
}
