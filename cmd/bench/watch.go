package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// newHistogram holds durations in microseconds, up to ten minutes, as exactly as
// one in a hundred.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, (10 * time.Minute).Microseconds(), 2)
}

func quantile(h *hdrhistogram.Histogram, percent float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
}

func longest(h *hdrhistogram.Histogram) time.Duration {
	return time.Duration(h.Max()) * time.Microsecond
}

// watch takes one reading after the other, with a pause, until it is stopped.
type watch struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	values *hdrhistogram.Histogram
	kept   []reading
	errors int
	last   error
}

// reading is a value and when it was there.
type reading struct {
	at    time.Time
	value time.Duration
}

// longestSince is the longest of the values that were there at that time or
// later.
func (w *watch) longestSince(at time.Time) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.kept {
		if !r.at.Before(at) {
			longest = max(longest, r.value)
		}
	}
	return longest
}

// newWatch starts as many goroutines as there are things to do. Each returns
// what is to be noted.
func newWatch(ctx context.Context, pause time.Duration, do ...func(context.Context) (time.Duration, error)) *watch {
	w := &watch{values: newHistogram()}
	ctx, w.cancel = context.WithCancel(ctx)
	for _, one := range do {
		w.done.Go(func() {
			for ctx.Err() == nil {
				w.note(ctx, one)
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	return w
}

func (w *watch) note(ctx context.Context, do func(context.Context) (time.Duration, error)) {
	value, err := do(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		_ = w.values.RecordValue(value.Microseconds()) // ten minutes are never reached
		w.kept = append(w.kept, reading{time.Now(), value})
	case ctx.Err() == nil:
		w.errors, w.last = w.errors+1, err
	}
}

// stop ends the watch. An error that was seen is returned with all of them in
// number.
func (w *watch) stop() {
	w.cancel()
	w.done.Wait()
	if w.last != nil {
		say("%d errors while watching, the last: %v", w.errors, w.last)
	}
}

// lagSQL: the age of the oldest log row that a served projection has not
// projected.
const lagSQL = `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - (
    SELECT l.received_at FROM relay.log l WHERE l."offset" > g.checkpoint ORDER BY l."offset" LIMIT 1))), 0)::float8
FROM relay_store.generations g WHERE g.status = 'serving'`

// watchLag samples the lag of the live projections.
func (p *place) watchLag(ctx context.Context, pause time.Duration) *watch {
	read := p.prepared(lagSQL)
	return newWatch(ctx, pause, func(ctx context.Context) (time.Duration, error) { return lagOf(read(ctx)) })
}

// statement is a query that is prepared when it first runs and stays prepared
// while the benchmark runs: planning it each time would cost more than running it.
type statement struct {
	db    *sql.DB
	query string
	once  sync.Once
	stmt  *sql.Stmt // nil: preparing it failed
}

// prepared returns what runs the query as a statement.
func (p *place) prepared(query string) func(ctx context.Context, args ...any) *sql.Row {
	return (&statement{db: p.db, query: query}).queryRow
}

func (s *statement) queryRow(ctx context.Context, args ...any) *sql.Row {
	s.once.Do(func() { s.stmt, _ = s.db.Prepare(s.query) })
	if s.stmt == nil {
		return s.db.QueryRowContext(ctx, s.query, args...) // its error says what is wrong
	}
	return s.stmt.QueryRowContext(ctx, args...)
}

func (p *place) lag(ctx context.Context) (time.Duration, error) {
	return lagOf(p.db.QueryRowContext(ctx, lagSQL))
}

func lagOf(row *sql.Row) (time.Duration, error) {
	var seconds float64
	err := row.Scan(&seconds)
	return time.Duration(max(seconds, 0) * float64(time.Second)), err
}

// waitForProjections waits until the live projections have projected the whole log.
func (p *place) waitForProjections(ctx context.Context) error {
	for {
		var behind bool
		err := p.db.QueryRowContext(ctx, `SELECT bool_or(
    checkpoint < coalesce((SELECT "offset" FROM relay.log ORDER BY "offset" DESC LIMIT 1), 0))
FROM relay_store.generations WHERE status = 'serving'`).Scan(&behind)
		if err != nil || !behind {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// vacuumEvery is somewhat longer than the server waits between two looks at what
// is to be vacuumed (autovacuum_naptime).
const vacuumEvery = 12 * time.Second

// waitForVacuum waits until autovacuum has nothing to do: work that one
// re-projection left must not slow the next one down.
func (p *place) waitForVacuum(ctx context.Context) error {
	for quietSince := time.Now(); time.Since(quietSince) < vacuumEvery; time.Sleep(time.Second) {
		var busy bool
		err := p.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity
WHERE backend_type = 'autovacuum worker' AND datname = current_database())`).Scan(&busy)
		if err != nil {
			return fmt.Errorf("wait for autovacuum: %w", err)
		}
		if busy {
			quietSince = time.Now()
		}
	}
	return nil
}

// watchReaders has two readers look people up all the time, as an application
// does: one reads profiles, the other a person's last events.
func (p *place) watchReaders(ctx context.Context, people int) *watch {
	profile := p.prepared(`SELECT properties::text FROM relay.profiles WHERE distinct_id = $1`)
	last := p.prepared(`SELECT properties::text FROM relay.events WHERE distinct_id = $1 ORDER BY occurred_at DESC LIMIT 1`)
	return newWatch(ctx, 5*time.Millisecond,
		func(ctx context.Context) (time.Duration, error) { return lookUp(ctx, profile, people) },
		func(ctx context.Context) (time.Duration, error) { return lookUp(ctx, last, people) },
	)
}

// lookUp reads about a person; that nothing is known of the person is no error.
func lookUp(ctx context.Context, read func(context.Context, ...any) *sql.Row, people int) (time.Duration, error) {
	var properties string
	started := time.Now()
	err := read(ctx, fmt.Sprintf("user-%d", rand.IntN(people))).Scan(&properties)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return time.Since(started), err
}
