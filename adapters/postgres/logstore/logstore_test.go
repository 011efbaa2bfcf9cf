package logstore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/migrations"
)

func TestMain(m *testing.M) {
	os.Exit(pgtest.Main(m))
}

// newLog returns a migrated database with a served generation of "profiles"
// and one of "events", without tables: consumers move checkpoints only.
func newLog(t *testing.T) *sql.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), pgtest.New(t, prepare), 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func prepare(url string) error {
	ctx := context.Background()
	db, err := postgres.Open(ctx, url, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := postgres.Migrate(ctx, db, migrations.FS); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO relay_store.generations (projection, status, rules_version) VALUES ('profiles', 'serving', 1), ('events', 'serving', 1)`)
	return err
}

func entry(body string, kinds segment.Kinds) ingest.NewEntry {
	return ingest.NewEntry{
		Inbound: ingest.Inbound{
			RequestID: uuid.Must(uuid.NewV7()).String(), Source: `web "shop" \ 1`, Route: "/connector/segment",
			ReceivedAt: time.Now(), Body: []byte(body),
		},
		Kinds: kinds, Calls: 1,
	}
}

// readAll returns all entries with their own memory.
func readAll(t *testing.T, db *sql.DB, kinds segment.Kinds) (entries []eventlog.Entry) {
	t.Helper()
	err := postgres.Database{DB: db}.InSnapshot(t.Context(), func(tx app.Tx) error {
		return Reader{}.Read(t.Context(), tx, eventlog.Range{UpTo: 1 << 60}, kinds, func(e *eventlog.Entry) error {
			c := *e
			c.Payload = append([]byte{}, e.Payload...)
			entries = append(entries, c)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

const everyKind = ^segment.Kinds(0) >> 1

func TestBytesStayAsTheyCame(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	a := newAppender(t, db, AppenderConfig{})
	bodies := []string{"", "\x00\xff\\'\"{}", `{"a":1}`, strings.Repeat("é\n", 100_000), "{\"type\":\t\"track\"}  "}
	for _, body := range bodies {
		if err := a.Append(t.Context(), entry(body, segment.Track)); err != nil {
			t.Fatal(err)
		}
	}
	entries := readAll(t, db, everyKind)
	if len(entries) != len(bodies) {
		t.Fatalf("%d entries, want %d", len(entries), len(bodies))
	}
	for i, e := range entries {
		if string(e.Payload) != bodies[i] || e.Source != `web "shop" \ 1` || e.Route != "/connector/segment" {
			t.Errorf("entry %d: %.40q from %q by %q", i, e.Payload, e.Source, e.Route)
		}
	}
}

func TestTimesAreCutToMicroseconds(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	for _, at := range []time.Time{time.Unix(1700000000, 123456789), time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(2260, 1, 1, 0, 0, 0, 1001, time.UTC)} {
		e := entry("{}", segment.Track)
		e.Inbound.ReceivedAt = at
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{e}); err != nil {
			t.Fatal(err)
		}
		entries := readAll(t, db, everyKind)
		if got, want := entries[len(entries)-1].ReceivedAt, segment.InstantOf(at); got != want {
			t.Errorf("%v: received at %v, want %v", at, got.Time(), want.Time())
		}
	}
}

func TestIdentityCallsStandApart(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	for kind := segment.Identify; kind <= segment.Claims; kind <<= 1 {
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry("{}", kind)}); err != nil {
			t.Fatal(err)
		}
	}
	var kinds int64
	if err := db.QueryRow(`SELECT bit_or(kinds) FROM relay.log_identity`).Scan(&kinds); err != nil || segment.Kinds(kinds) != segment.IdentityKinds {
		t.Errorf("the identity partition holds %v (%v), want %v", segment.Kinds(kinds), err, segment.IdentityKinds)
	}
	if n := len(readAll(t, db, segment.Identify)); n != 1 {
		t.Errorf("%d identify entries, want 1", n)
	}
	if n := len(readAll(t, db, segment.Track|segment.Unusable|segment.Identify)); n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
}

func TestConcurrentAppendsBecomeVisibleInOrder(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	const senders, each = 8, 50
	appenders := []*Appender{newAppender(t, db, AppenderConfig{MaxRows: 3}), newAppender(t, db, AppenderConfig{})}
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := appenders[s%2].Append(t.Context(), entry(fmt.Sprint(s, i), segment.Track)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	seen := map[eventlog.Offset]bool{}
	var head eventlog.Offset
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, e := range readAll(t, db, everyKind) {
			if !seen[e.Offset] && e.Offset < head {
				t.Fatalf("offset %d appeared after %d", e.Offset, head)
			}
			seen[e.Offset] = true
			head = max(head, e.Offset)
		}
	}
	if len(seen) != senders*each {
		t.Fatalf("%d entries, want %d", len(seen), senders*each)
	}
}

func TestFirstAt(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	find := func(at time.Time) (offset eventlog.Offset) {
		err := postgres.Database{DB: db}.InTx(t.Context(), func(tx app.Tx) (err error) {
			offset, err = Reader{}.FirstAt(t.Context(), tx, at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return offset
	}
	if got := find(base); got != 1 {
		t.Errorf("in an empty log: %d, want 1", got)
	}
	for i := range 3 {
		e := entry("{}", []segment.Kinds{segment.Track, segment.Identify}[i%2])
		e.Inbound.ReceivedAt = base.Add(time.Duration(i) * time.Hour)
		if err := AppendAll(t.Context(), db, []ingest.NewEntry{e}); err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range map[time.Duration]eventlog.Offset{-time.Hour: 1, 0: 1, time.Minute: 2, 2 * time.Hour: 3, 3 * time.Hour: 4} {
		if got := find(base.Add(at)); got != want {
			t.Errorf("at %v: %d, want %d", at, got, want)
		}
	}
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
