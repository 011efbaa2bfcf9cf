package logstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

func isErr(err, target error) bool { return errors.Is(err, target) }

// consume runs a consumer until stop is called, which waits for its end.
func consume(t *testing.T, db *sql.DB, config ConsumersConfig, c app.Consumption, handle app.HandleBatch) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewConsumers(db, config).Consume(ctx, c, handle) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func checkpoint(t *testing.T, db *sql.DB) (offset eventlog.Offset) {
	t.Helper()
	err := db.QueryRow(`SELECT checkpoint FROM relay_store.generations WHERE projection = 'events' AND status = 'serving'`).Scan(&offset)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

var events = app.Consumption{Projection: "events", Kinds: only(segment.Track)}

// only returns what a consumption asks for its kinds that never change.
func only(kinds segment.Kinds) func() segment.Kinds {
	return func() segment.Kinds { return kinds }
}

func TestRangesCoverTheLogOnceEach(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	for i := range 100 {
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry(fmt.Sprint(i), segment.Track<<(i%2))}); err != nil {
			t.Fatal(err)
		}
	}
	var ranges []eventlog.Range
	reached := make(chan struct{})
	stop := consume(t, db, ConsumersConfig{MaxRows: 7}, events, func(_ context.Context, b app.Batch) (bool, error) {
		ranges = append(ranges, b.Range)
		if b.Range.UpTo == 100 {
			close(reached)
		}
		return true, nil
	})
	<-reached
	stop()
	var at eventlog.Offset
	for _, r := range ranges {
		if r.After != at || r.Empty() || r.UpTo-r.After > 15 {
			t.Fatalf("ranges %v: %v does not follow %d or is too large", ranges, r, at)
		}
		at = r.UpTo
	}
	if got := checkpoint(t, db); got != 100 {
		t.Errorf("checkpoint %d, want 100", got)
	}
}

func TestBytesBoundARange(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	for range 10 {
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry("0123456789", segment.Track)}); err != nil {
			t.Fatal(err)
		}
	}
	sizes := make(chan eventlog.Offset, 10)
	consume(t, db, ConsumersConfig{MaxBytes: 25}, events, func(_ context.Context, b app.Batch) (bool, error) {
		sizes <- b.Range.UpTo - b.Range.After
		return true, nil
	})
	for _, want := range []eventlog.Offset{3, 3, 3, 1} {
		if got := <-sizes; got != want {
			t.Fatalf("a range of %d entries of 10 bytes with a bound of 25 bytes, want %d", got, want)
		}
	}
}

func TestTwoConsumersOfOneGenerationTakeTurns(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	if _, err := db.Exec(`CREATE TABLE seen (n bigint PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	handle := func(ctx context.Context, b app.Batch) (bool, error) {
		_, err := b.Tx.ExecContext(ctx, `INSERT INTO seen SELECT generate_series($1::bigint + 1, $2::bigint)`, int64(b.Range.After), int64(b.Range.UpTo))
		return err == nil, err
	}
	failed := func(_ string, err error) { t.Errorf("a consumer failed: %v", err) }
	for range 2 {
		consume(t, db, ConsumersConfig{MaxRows: 3, OnError: failed}, events, handle)
	}
	for range 100 {
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry("{}", segment.Track)}); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the checkpoint to reach the head", func() bool { return checkpoint(t, db) == 100 })
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM seen`).Scan(&n); err != nil || n != 100 {
		t.Errorf("%d offsets were handled (%v), want 100", n, err)
	}
}

// TestForeignTransactionsDelayNothing: with Watermill's default adapter, one
// open write transaction anywhere in the cluster hides all younger rows.
func TestForeignTransactionsDelayNothing(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	other, err := postgres.Open(t.Context(), pgtest.URL(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	for _, d := range []*sql.DB{db, other} {
		tx, err := d.Begin()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tx.Rollback() })
		if _, err := tx.Exec(`CREATE TABLE held_open AS SELECT 1 AS n`); err != nil {
			t.Fatal(err)
		}
	}
	consume(t, db, ConsumersConfig{}, events, func(context.Context, app.Batch) (bool, error) { return true, nil })
	a := newAppender(t, db, AppenderConfig{})
	for i := range eventlog.Offset(5) {
		if err := a.Append(t.Context(), entry("{}", segment.Track)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the projection to follow", func() bool { return checkpoint(t, db) == i+1 })
	}
}

func TestABuildingGenerationStaysBehindTheServedOne(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	var id int64
	err := db.QueryRow(`INSERT INTO relay_store.generations (projection, status, rules_version) VALUES ('events', 'building', 1) RETURNING id`).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry("{}", segment.Track)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`UPDATE relay_store.generations SET checkpoint = 3 WHERE projection = 'events' AND status = 'serving'`); err != nil {
		t.Fatal(err)
	}
	reached := make(chan app.Batch, 10)
	building := app.Consumption{Projection: "events", Kinds: only(segment.Track), Generation: id}
	consume(t, db, ConsumersConfig{}, building, func(_ context.Context, b app.Batch) (bool, error) { reached <- b; return true, nil })
	if b := <-reached; b.Generation != id || b.Range != (eventlog.Range{UpTo: 3}) {
		t.Fatalf("generation %d took %v, want %d to take offsets 1 to 3", b.Generation, b.Range, id)
	}
	if _, err := db.Exec(`UPDATE relay_store.generations SET checkpoint = 4 WHERE projection = 'events' AND status = 'serving'`); err != nil {
		t.Fatal(err)
	}
	if b := <-reached; b.Range != (eventlog.Range{After: 3, UpTo: 4}) {
		t.Fatalf("then it took %v, want offset 4", b.Range)
	}
}

// TestKindsThatChange: a handler that finds a range bounded by too few kinds gets
// it again, bounded by more, at once and without an error to anybody.
func TestKindsThatChange(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	for i := range 20 {
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry(fmt.Sprint(i), segment.Track<<(i%2))}); err != nil {
			t.Fatal(err)
		}
	}
	var kinds atomic.Uint32
	kinds.Store(uint32(segment.Identify))
	consumption := app.Consumption{Projection: "events", Kinds: func() segment.Kinds { return segment.Kinds(kinds.Load()) }}
	config := ConsumersConfig{MaxRows: 4, OnError: func(_ string, err error) { t.Error(err) }}
	var ranges []eventlog.Range
	reached := make(chan struct{})
	stop := consume(t, db, config, consumption, func(_ context.Context, b app.Batch) (bool, error) {
		ranges = append(ranges, b.Range)
		if kinds.CompareAndSwap(uint32(segment.Identify), uint32(segment.Track|segment.Page)) {
			return false, nil
		}
		if b.Range.UpTo == 20 {
			close(reached)
		}
		return true, nil
	})
	<-reached
	stop()
	want := []eventlog.Range{{After: 0, UpTo: 20}, {After: 0, UpTo: 4}, {After: 4, UpTo: 8}, {After: 8, UpTo: 12}, {After: 12, UpTo: 16}, {After: 16, UpTo: 20}}
	if !slices.Equal(ranges, want) {
		t.Errorf("ranges %v, want %v", ranges, want)
	}
}
