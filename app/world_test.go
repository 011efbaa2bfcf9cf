package app_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres"
	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/lookupstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/ingest"
	"relay/app/live"
	"relay/app/replay"
	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/domain/segment"
	"relay/migrations"
)

func TestMain(m *testing.M) {
	// That many, unless asked for another number.
	if err := flag.Set("rapid.checks", histories); err != nil {
		panic(err)
	}
	os.Exit(pgtest.Main(m))
}

// world is a relay without its doors: a database and the use cases on it.
type world struct {
	db       *sql.DB
	database postgres.Database
	all      []app.Projection
	maxRows  int          // of a live batch
	failure  atomic.Value // the live projections' last
	// meanwhile, if set, is told of the progress of re-projections and
	// verifications.
	meanwhile func(replay.Progress)
	batch     int // bytes of events that a sample compares at a time; 0: the default
}

// tb is what of testing.T and rapid.T a world needs.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := postgres.Open(t.Context(), pgtest.New(t, prepare), 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return worldOf(db)
}

func worldOf(db *sql.DB) *world {
	return &world{db: db, database: postgres.Database{DB: db}, maxRows: 2000, all: tables.Projections(db)}
}

func prepare(url string) error {
	ctx := context.Background()
	db, err := postgres.Open(ctx, url, 4)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := postgres.Migrate(ctx, db, migrations.FS); err != nil {
		return err
	}
	return worldOf(db).setUp(ctx)
}

func (w *world) setUp(ctx context.Context) error {
	return tables.Setup(w.database, logstore.Controls{}).Ensure(ctx, w.all, true)
}

// reset makes the world as new.
func (w *world) reset(t tb) {
	t.Helper()
	if _, err := w.reprojector().DropFormer(context.Background()); err != nil {
		t.Fatalf("reset: %v", err)
	}
	_, err := w.db.Exec(`TRUNCATE relay.log, relay_store.timeline, relay_store.mapping_versions, relay_store.issues, relay_store.reprojections, relay_store.rejected, relay_store.suppressed, relay_store.pending_erasures;
UPDATE relay_store.deletions SET checkpoint = 0;
ALTER SEQUENCE relay.log_offset_seq RESTART;
UPDATE relay_store.generations SET checkpoint = 0, load_up_to = 0, reprojection_id = NULL;
DO $$ DECLARE g record; BEGIN
    FOR g IN SELECT tablename FROM pg_tables WHERE schemaname = 'relay_store' AND tablename ~ '^(claims|aliases|anonymous_.*|joined_.*)_g[0-9]+$' LOOP
        EXECUTE format('DROP TABLE relay_store.%I CASCADE', g.tablename);
    END LOOP;
    FOR g IN SELECT t.tablename FROM pg_tables t JOIN relay_store.generations n ON t.tablename ~ ('_g' || n.id || '$') WHERE t.schemaname = 'relay_store' LOOP
        EXECUTE format('TRUNCATE relay_store.%I', g.tablename);
    END LOOP;
END $$`)
	if err == nil {
		err = w.setUp(context.Background())
	}
	if err != nil {
		t.Fatalf("reset: %v", err)
	}
}

// append puts payloads into the log in one commit, those that the door would
// refuse left out. It returns the offsets of those that it took.
func (w *world) append(t tb, at time.Time, route string, bodies ...string) []eventlog.Offset {
	t.Helper()
	var entries []ingest.NewEntry
	var parser segment.Parser
	for _, body := range bodies {
		payload, err := parser.Parse([]byte(body), segment.KindOfRoute(route))
		if err != nil || len(payload.Calls) == 0 {
			continue
		}
		entries = append(entries, ingest.NewEntry{
			Inbound: ingest.Inbound{RequestID: uuid.Must(uuid.NewV7()).String(), Source: "web", Route: route, ReceivedAt: at, Body: []byte(body)},
			Kinds:   payload.Kinds, Calls: payload.Total,
		})
	}
	if err := logstore.AppendAll(context.Background(), w.db, entries); err != nil {
		t.Fatalf("append: %v", err)
	}
	head := w.head(t)
	var offsets []eventlog.Offset
	for i := range entries {
		offsets = append(offsets, head-eventlog.Offset(len(entries)-1-i))
	}
	return offsets
}

func (w *world) head(t tb) (head eventlog.Offset) {
	t.Helper()
	if err := w.db.QueryRow(`SELECT coalesce(max("offset"), 0) FROM relay.log`).Scan(&head); err != nil {
		t.Fatalf("head: %v", err)
	}
	return head
}

func (w *world) projector() *live.Projector {
	return &live.Projector{
		DB: w.database, Log: logstore.Reader{}, Controls: logstore.Controls{}, Issues: tables.Issues{},
		Consumer: logstore.NewConsumers(w.db, logstore.ConsumersConfig{MaxRows: w.maxRows, MaxIdle: 5 * time.Millisecond, OnError: func(_ string, err error) { w.failure.Store(err.Error()) }}),
	}
}

// live starts the live projections; stop ends them.
func (w *world) live(t tb) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.projector().Run(ctx, w.all) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Fatalf("live projections: %v", err)
		}
	}
}

// drain runs the live projections until they have taken in the whole log.
func (w *world) drain(t tb) {
	t.Helper()
	stop := w.live(t)
	defer stop()
	w.settle(t)
}

// settle waits until the live projections have taken in the whole log.
func (w *world) settle(t tb) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for behind := true; behind; {
		err := w.db.QueryRow(`SELECT bool_or(checkpoint < (SELECT coalesce(max("offset"), 0) FROM relay.log)) FROM relay_store.generations WHERE status = 'serving'`).Scan(&behind)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the projections do not catch up: %v, last failure: %v", err, w.failure.Load())
		}
		if behind {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

func (w *world) mappings() *app.Mappings {
	return &app.Mappings{DB: w.database, Controls: logstore.Controls{}, Timelines: tables.Timelines{}, Projections: app.NamesOf(w.all), Now: time.Now}
}

func (w *world) apply(t tb, spec mapping.Spec) app.Applied {
	t.Helper()
	applied, err := w.mappings().Apply(context.Background(), spec, "")
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return applied
}

func (w *world) reprojector() *replay.Reprojector {
	return tables.NewReprojector(w.builder(), w.db)
}

func (w *world) checker() *replay.Checker { return &replay.Checker{Builder: w.builder()} }

func (w *world) builder() *replay.Builder {
	b := &replay.Builder{
		Store: w.store(), Live: lookupstore.Statuses{DB: w.db}, Projector: w.projector(),
		Logger: slog.New(slog.DiscardHandler), Workers: 2, Report: w.meanwhile,
	}
	tables.WireBuilder(b, w.db)
	return b
}

func (w *world) store() replay.Store {
	return replay.Store{
		DB: w.database, Projections: w.all, Log: logstore.Reader{}, LogSize: logstore.Reader{}, Controls: logstore.Controls{}, Generations: tables.Generations{},
	}
}

func (w *world) reproject(t tb, from string, chosen []app.Projection) {
	t.Helper()
	parsed, err := replay.ParseFrom(from, logstore.Reader{})
	if err == nil {
		_, err = w.reprojector().PlanAndRun(context.Background(), parsed, chosen, nil)
	}
	if err != nil {
		t.Fatalf("reproject --from %s: %v", from, err)
	}
}

// interrupt begins a re-projection, ends it at the given report of its progress,
// and resumes it. One that was done before that many reports stays done.
func (w *world) interrupt(t tb, from string, chosen []app.Projection, reports int) {
	t.Helper()
	parsed, err := replay.ParseFrom(from, logstore.Reader{})
	if err != nil {
		t.Fatalf("from: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := w.reprojector()
	var told atomic.Int64
	r.Builder.Report = func(p replay.Progress) {
		if w.meanwhile != nil {
			w.meanwhile(p)
		}
		if told.Add(1) == int64(reports) {
			cancel()
		}
	}
	_, err = r.PlanAndRun(ctx, parsed, chosen, nil)
	for errors.Is(err, context.Canceled) {
		if _, err = w.reprojector().Resume(context.Background()); errors.Is(err, replay.ErrNothingToResume) {
			_, err = w.reprojector().PlanAndRun(context.Background(), parsed, chosen, nil) // there was nothing to build
		}
	}
	if err != nil {
		t.Fatalf("interrupted reproject --from %s: %v", from, err)
	}
}

// undo undoes the last re-projection; false: there is none.
func (w *world) undo(t tb) bool {
	t.Helper()
	_, err := w.reprojector().Undo(context.Background())
	if err != nil && !errors.Is(err, replay.ErrCannotUndo) {
		t.Fatalf("undo: %v", err)
	}
	return err == nil
}

// verify fails the test unless what is served is what a replay gives.
func (w *world) verify(t tb) {
	t.Helper()
	results, err := w.checker().Verify(context.Background(), w.all)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	for _, r := range results {
		if r.Differences > 0 {
			t.Fatalf("%s: %d differences from a replay up to %d: %s", r.Projection, r.Differences, r.UpTo, fmt.Sprintf("%+v", r.Examples))
		}
	}
}

// rows returns a query's rows, each as JSON.
func (w *world) rows(t tb, query string) (list []string) {
	t.Helper()
	rows, err := w.db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}
