package app_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/replay"
	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/projections"
)

// filled returns a world with some history and a mapping that is not applied to
// it yet.
func filled(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 50 {
		w.append(t, at, "/connector/segment",
			fmt.Sprintf(`{"type":"identify","userId":"u%d","traits":{"email":"u%d@example.com","mail":"m%d@example.com"}}`, n%7, n%7, n),
			fmt.Sprintf(`{"type":"track","messageId":"m%d","userId":"u%d","event":"E"}`, n, n%7))
	}
	w.drain(t)
	w.apply(t, prefixed("one: "))
	w.drain(t)
	return w
}

func prefixed(prefix string) mapping.Spec {
	spec := mapping.Default()
	spec.EventPrefix = prefix
	spec.Channels[0] = []string{"email", "mail"}
	return spec
}

// served returns all that people can query.
func (w *world) served(t tb) string {
	t.Helper()
	return strings.Join(w.rows(t, `SELECT to_jsonb(p)::text FROM relay.profiles p UNION ALL SELECT to_jsonb(e)::text FROM relay.events e ORDER BY 1`), "\n")
}

// TestFaultsLeaveWhatIsServed: whatever ends a re-projection, what is served
// stays right; what can be resumed is kept, the rest is removed.
func TestFaultsLeaveWhatIsServed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault     error
		resumable bool
		says      string
	}{
		"disk full":     {fmt.Errorf("%w: no space", app.ErrDiskFull), false, "removed to free the space"},
		"database away": {fmt.Errorf("%w: shut down", app.ErrDatabase), true, "relay reproject --resume"},
		"a bug":         {errors.New("cannot happen"), false, "cannot happen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := filled(t)
			before := w.served(t)
			from, err := replay.ParseFrom("beginning", logstore.Reader{})
			if err != nil {
				t.Fatal(err)
			}
			faulty := make([]app.Projection, len(w.all))
			for i, p := range w.all {
				faulty[i] = withFault(p, c.fault)
			}
			_, err = w.reprojector().PlanAndRun(t.Context(), from, faulty, nil)
			if !errors.Is(err, c.fault) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ended with %v", err)
			}
			if got := w.served(t); got != before {
				t.Errorf("people see\n%s\nwant\n%s", got, before)
			}
			w.verify(t)
			_, err = w.reprojector().Resume(t.Context())
			if resumed := err == nil; resumed != c.resumable || !resumed && !errors.Is(err, replay.ErrNothingToResume) {
				t.Errorf("resumed: %v", err)
			}
			w.verify(t)
		})
	}
}

// withFault returns a projection that loads nothing.
func withFault(p app.Projection, fault error) app.Projection {
	whole := p.NewTables
	p.NewTables = func(parts []string) app.Tables {
		t := whole(parts)
		t.Loading = faultyLoading{t.Loading, fault}
		return t
	}
	return p.Only(p.Parts)
}

type faultyLoading struct {
	app.Loading
	fault error
}

func (f faultyLoading) Load(generation, memory int64) app.Loader {
	return faultyLoader{f.Loading.Load(generation, memory), f.fault}
}

type faultyLoader struct {
	app.Loader
	fault error
}

func (f faultyLoader) Add(context.Context, projections.Fold, []eventlog.Range) error { return f.fault }

// TestMappingAppliedMeanwhile: a version that is applied while a re-projection
// runs holds from its own offset on, also for what the re-projection builds.
func TestMappingAppliedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{replay.PhaseLoading, replay.PhaseIndexing, replay.PhaseCatchingUp, replay.PhaseSwitching} {
		w := filled(t)
		from, err := replay.ParseFrom("beginning", logstore.Reader{})
		if err != nil {
			t.Fatal(err)
		}
		r, applied := w.reprojector(), app.Applied{}
		r.Builder.Report = func(p replay.Progress) {
			if p.Phase == phase && !applied.Changed {
				applied = w.apply(t, prefixed("two: "))
				w.append(t, time.Now(), "/connector/segment", `{"type":"track","messageId":"late","userId":"u1","event":"E"}`)
			}
		}
		if _, err := r.PlanAndRun(t.Context(), from, w.all, nil); err != nil || !applied.Changed {
			t.Fatalf("%s: %v, applied %v", phase, err, applied)
		}
		w.drain(t)
		got := strings.Join(w.rows(t, `SELECT event_name || ' v' || mapping_version || ' ' || count(*) FROM relay.events GROUP BY event_name, mapping_version ORDER BY 1`), ", ")
		if want := "one: E v2 50, two: E v3 1"; got != want {
			t.Errorf("applied while %s: %s, want %s", phase, got, want)
		}
		w.verify(t)
		if !w.undo(t) {
			t.Error("it could not be undone")
		}
		w.drain(t)
		got = strings.Join(w.rows(t, `SELECT event_name || ' v' || mapping_version || ' ' || count(*) FROM relay.events GROUP BY event_name, mapping_version ORDER BY 1`), ", ")
		if want := "E v1 50, two: E v3 1"; got != want {
			t.Errorf("applied while %s, undone: %s, want %s", phase, got, want)
		}
		w.verify(t)
	}
}

// TestProgressIsOnRecord: what a run tells while it runs stands in
// relay.reprojections at once.
func TestProgressIsOnRecord(t *testing.T) {
	t.Parallel()
	w := filled(t)
	from, err := replay.ParseFrom("beginning", logstore.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := w.reprojector().PlanAndRun(t.Context(), from, w.all, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(t, `UPDATE relay_store.reprojections SET status = 'running'`)
	told := replay.Progress{
		ID: done.ID, Phase: replay.PhaseLoading, Done: 10, Total: 30, Calls: 20, CallsPerSecond: 12.5, Issues: 3,
		Live: app.Live{Lag: 1500 * time.Millisecond, RowsPerSecond: 7.25}, Left: 2500 * time.Millisecond, Waiting: app.ErrLocked,
	}
	if err := (tables.Reprojections{DB: w.db}).Progress(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	got := w.rows(t, `SELECT concat_ws(' ', phase, done, total, calls, calls_per_second, issues, live_lag_seconds, live_rows_per_second,
    expected_at - now() BETWEEN interval '1 second' AND interval '3 seconds', error LIKE 'will be tried again: %') FROM relay.reprojections`)
	if want := "loading 10 30 20 12.5 3 1.5 7.25 t t"; len(got) != 1 || got[0] != want {
		t.Errorf("on record: %v, want %s", got, want)
	}
}

// TestCancelledAtTheLastMoment: who is told that a re-projection was cancelled
// finds the rows as they were, however late that was.
func TestCancelledAtTheLastMoment(t *testing.T) {
	t.Parallel()
	w := filled(t)
	w.apply(t, prefixed("late: "))
	w.drain(t)
	before := w.rows(t, `SELECT event_name FROM relay.events ORDER BY message_id`)
	asked := false
	w.meanwhile = func(p replay.Progress) {
		if p.Phase == replay.PhaseSwitching && !asked {
			var err error
			if asked, err = (tables.Reprojections{DB: w.db}).RequestCancel(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	from, err := replay.ParseFrom("beginning", logstore.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reprojector().PlanAndRun(t.Context(), from, w.all, nil); !errors.Is(err, replay.ErrCancelled) || !asked {
		t.Errorf("asked for: %t; the run ended with %v", asked, err)
	}
	if after := w.rows(t, `SELECT event_name FROM relay.events ORDER BY message_id`); !slices.Equal(before, after) {
		t.Errorf("people see %v, and saw %v", after, before)
	}
	w.verify(t)
}

// TestReadersOfAnEarlierMoment: a transaction that began before the rows were
// loaded, and asks the views only after that, sees all of them.
func TestReadersOfAnEarlierMoment(t *testing.T) {
	t.Parallel()
	w := filled(t)
	w.apply(t, prefixed("new: "))
	w.drain(t)
	want := w.rows(t, `SELECT count(*)::text FROM relay.events`)[0]
	reader, err := w.db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	var version int
	if err := reader.QueryRow(`SELECT max(version) FROM relay.mapping_versions`).Scan(&version); err != nil { // takes the snapshot
		t.Fatal(err)
	}
	from, err := replay.ParseFrom("beginning", logstore.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	loaded, done := make(chan struct{}), make(chan error, 1)
	tell := sync.OnceFunc(func() { close(loaded) })
	w.meanwhile = func(p replay.Progress) {
		if p.Phase == replay.PhaseCatchingUp || p.Phase == replay.PhaseSwitching {
			tell()
		}
	}
	reprojector := w.reprojector()
	go func() {
		_, err := reprojector.PlanAndRun(context.Background(), from, w.all, nil)
		done <- err
	}()
	<-loaded
	var got string
	for range 20 { // each look would find the new rows missing, were they served
		if err := reader.QueryRow(`SELECT count(*)::text FROM relay.mapping_versions, pg_sleep(0.01)`).Scan(&got); err != nil {
			t.Fatal(err)
		}
	}
	if err := reader.QueryRow(`SELECT count(*)::text FROM relay.events`).Scan(&got); err != nil || got != want {
		t.Errorf("the reader sees %s events of %s, %v", got, want, err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if names := w.rows(t, `SELECT DISTINCT split_part(event_name, ':', 1) FROM relay.events`); len(names) != 1 || names[0] != "new" {
		t.Errorf("after it, names begin with %v", names)
	}
}
