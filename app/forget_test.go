package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/adapters/postgres/ingeststore"
	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/erasure"
	"relay/app/ingest"
	"relay/app/replay"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

func (w *world) forgetter() *erasure.Forgetter {
	return &erasure.Forgetter{
		DB: w.database, All: w.all, Log: logstore.Reader{}, Searcher: logstore.Searcher{}, Eraser: logstore.Eraser{}, Controls: logstore.Controls{},
		Generations: tables.Generations{}, Issues: tables.Issues{}, Reprojections: tables.Reprojections{DB: w.db}, Erasures: tables.Erasures{}, Rejected: ingeststore.Rejected{DB: w.db}, Identities: &witness{tables.Identities{}, map[string]erasure.Group{}},
	}
}

// honourDeletes honours all delete calls in the log.
func (w *world) honourDeletes(t tb, f *erasure.Forgetter) {
	t.Helper()
	follower := erasure.DeleteFollower{Forgetter: f, Deletions: logstore.Deletions{}, Logger: slog.New(slog.DiscardHandler)}
	for more := true; more; {
		var err error
		if more, err = follower.Step(context.Background()); err != nil {
			t.Fatalf("honour the delete calls: %v", err)
		}
	}
}

// erase names whose calls go, up to where.
type erase struct {
	id   string
	upTo eventlog.Position // of a delete call; zero: relay forget
}

func drawPerson(t *rapid.T, of []string) erase {
	return erase{id: rapid.SampledFrom(of).Draw(t, "person")}
}

// sendDelete sends a person's delete call among calls before and after it.
func (w *world) sendDelete(t *rapid.T, at time.Time, e erase, callGen, bodyGen *rapid.Generator[string]) erase {
	id, _ := json.Marshal(e.id)
	before := rapid.SliceOfN(callGen, 0, 2).Draw(t, "calls before the delete")
	calls := append(before[:len(before):len(before)], `{"type":"delete","userId":`+string(id)+`}`)
	calls = append(calls, rapid.SliceOfN(callGen, 0, 2).Draw(t, "calls after the delete")...)
	offsets := w.append(t, at, "/connector/segment", "["+strings.Join(calls, ",")+"]")
	w.append(t, at, "/connector/segment", rapid.SliceOfN(bodyGen, 0, 3).Draw(t, "payloads after the delete")...)
	e.upTo = eventlog.Position{Offset: offsets[0], Index: int32(len(before))}
	return e
}

// ledger knows every payload as it came, and what has to be gone.
type ledger struct {
	bodies map[eventlog.Offset][]byte
	gone   map[eventlog.Offset]map[int]bool
	// honoured is up to where delete calls were.
	honoured eventlog.Offset
}

func newLedger() *ledger {
	return &ledger{bodies: map[eventlog.Offset][]byte{}, gone: map[eventlog.Offset]map[int]bool{}}
}

type loggedPayload struct {
	Offset  eventlog.Offset
	Payload string
}

func (w *world) payloads(t tb) []loggedPayload {
	return readRows[loggedPayload](t, w, `SELECT jsonb_build_object('Offset', log_offset, 'Payload', encode(payload, 'base64')) FROM relay.payloads ORDER BY 1`)
}

// note takes in the payloads that it has not seen yet.
func (l *ledger) note(t tb, w *world) {
	for _, p := range w.payloads(t) {
		if _, known := l.bodies[p.Offset]; !known {
			l.bodies[p.Offset], _ = base64.StdEncoding.DecodeString(p.Payload)
		}
	}
}

// forget erases a person, and notes what has to be gone then.
func (l *ledger) forget(t tb, w *world, e erase) {
	l.note(t, w)
	f := w.forgetter()
	all := []erase{e}
	if e.upTo != (eventlog.Position{}) {
		all = l.deletes()
		w.honourDeletes(t, f)
	} else if _, err := f.Forget(context.Background(), erasure.Person{ID: e.id}); err != nil {
		t.Fatalf("forget: %v", err)
	}
	for _, e := range all {
		l.erased(e, f.Identities.(*witness).of[e.id])
	}
}

// deletes returns what the log's delete calls erase that are not honoured yet.
func (l *ledger) deletes() (all []erase) {
	for offset, body := range l.bodies {
		for i, call := range elements(body) {
			fields, _ := call.(map[string]any)
			if fields["type"] != "delete" || l.gone[offset][i] || offset <= l.honoured {
				continue
			}
			if id := textOf(fields, "userId"); id != "" {
				all = append(all, erase{id, eventlog.Position{Offset: offset, Index: int32(i)}})
			}
		}
	}
	for _, e := range all {
		l.honoured = max(l.honoured, e.upTo.Offset)
	}
	return all
}

// erased notes that the calls of a group have to be gone.
func (l *ledger) erased(e erase, group erasure.Group) {
	for offset, body := range l.bodies {
		for i, call := range elements(body) {
			at := eventlog.Position{Offset: offset, Index: int32(i)}
			if isOf(call, group) && (e.upTo == eventlog.Position{} || at.Compare(e.upTo) <= 0) {
				if l.gone[offset] == nil {
					l.gone[offset] = map[int]bool{}
				}
				l.gone[offset][i] = true
			}
		}
	}
}

// witness remembers the groups as they were said to be last.
type witness struct {
	erasure.Identities
	of map[string]erasure.Group
}

func (i *witness) Group(ctx context.Context, tx app.Tx, generations []int64, id string) (erasure.Group, error) {
	g, err := i.Identities.Group(ctx, tx, generations, id)
	i.of[id] = g
	return g, err
}

// forgetLater erases a person at one of the next reports of progress.
func (l *ledger) forgetLater(t *rapid.T, w *world, of []string) func(replay.Progress) {
	at, person := rapid.Int64Range(1, 14).Draw(t, "reports until the erasure"), drawPerson(t, of)
	var told atomic.Int64
	return func(replay.Progress) {
		if told.Add(1) == at {
			l.forget(t, w, person)
		}
	}
}

func elements(body []byte) []any {
	d := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(body, []byte(`\u0000`), []byte(`\ufffd`))))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	if list, ok := v.([]any); ok {
		return list
	}
	if object, ok := v.(map[string]any); ok {
		if batch, ok := object["batch"].([]any); ok {
			return batch
		}
	}
	return []any{v}
}

// isOf tells whether a call is of a group: by its userId, an alias by either id,
// and without a userId by its anonymousId.
func isOf(call any, g erasure.Group) bool {
	fields, _ := call.(map[string]any)
	text := func(key string) string { return textOf(fields, key) }
	return slices.Contains(g.Users, text("userId")) || fields["type"] == "alias" && slices.Contains(g.Users, text("previousId")) ||
		text("userId") == "" && slices.Contains(g.Anonymous, text("anonymousId"))
}

func textOf(fields map[string]any, key string) string {
	switch v := fields[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// check: what has to be gone is gone, and all else is there as it came.
func (l *ledger) check(t tb, w *world) {
	l.note(t, w)
	for _, p := range w.payloads(t) {
		now, _ := base64.StdEncoding.DecodeString(p.Payload)
		came, gone := l.bodies[p.Offset], l.gone[p.Offset]
		want := elements(came)
		switch {
		case len(gone) == 0:
			if !bytes.Equal(now, came) {
				t.Fatalf("log offset %d: %s became %s", p.Offset, came, now)
			}
			continue
		case len(gone) == len(want):
			if string(now) != "null" {
				t.Fatalf("log offset %d: %s became %s, want null", p.Offset, came, now)
			}
			continue
		}
		for i := range gone {
			want[i] = nil
		}
		if got := elements(now); !reflect.DeepEqual(got, want) {
			t.Fatalf("log offset %d: %s became %s", p.Offset, came, now)
		}
	}
	left := w.rows(t, `SELECT count(*)::text FROM relay_store.pending_erasures`)
	if fmt.Sprint(left) != "[0]" {
		t.Fatalf("%v erasures are noted for generations that nobody builds", left)
	}
}

// hookedRejected calls hook in the middle of the erasing transaction.
type hookedRejected struct {
	erasure.RejectedEraser
	hook func()
}

func (h hookedRejected) Erase(ctx context.Context, tx app.Tx, id string, upTo segment.Instant) (int, error) {
	h.hook()
	return h.RejectedEraser.Erase(ctx, tx, id, upTo)
}

// TestReprojectionBegunWhileErasing: a re-projection that begins while a person
// is being erased reads the log after it.
func TestReprojectionBegunWhileErasing(t *testing.T) {
	t.Parallel()
	w := filled(t)
	from, err := replay.ParseFrom("beginning", logstore.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	reprojected := make(chan error, 1)
	f := w.forgetter()
	f.Rejected = hookedRejected{f.Rejected, func() {
		go func() {
			_, err := w.reprojector().PlanAndRun(context.Background(), from, w.all, nil)
			reprojected <- err
		}()
		deadline := time.Now().Add(30 * time.Second)
		for waits := "0"; waits == "0"; {
			waits = w.rows(t, `SELECT (SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND objid = 3 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
+ (SELECT count(*) FROM relay_store.reprojections WHERE phase = 'switching')`)[0]
			if time.Now().After(deadline) {
				t.Error("the re-projection neither waits nor switches")
				return
			}
		}
	}}
	if _, err := f.Forget(t.Context(), erasure.Person{ID: "u1"}); err != nil {
		t.Fatal(err)
	}
	if err := <-reprojected; err != nil {
		t.Fatal(err)
	}
	w.drain(t)
	if left := w.rows(t, `SELECT distinct_id FROM relay.profiles WHERE distinct_id = 'u1' UNION ALL SELECT message_id FROM relay.events WHERE distinct_id = 'u1'`); len(left) > 0 {
		t.Errorf("the person is back: %v", left)
	}
	w.verify(t)
}

// TestForgetTellsWhatItDid: an erasure returns its counts, writes a control entry
// without personal data, and deletes rejected bodies.
func TestForgetTellsWhatItDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w.append(t, at, "/connector/segment", `[{"type":"track","userId":"u1","event":"E"},{"type":"track","userId":"u11","event":"E"}]`, `{"type":"identify","userId":"u1"}`)
	for _, body := range []string{`{"userId":"u1"`, `{"userId":"u11"`, `userId=u1;`, `xu1`} {
		if err := (ingeststore.Rejected{DB: w.db}).Keep(t.Context(), ingest.RejectedBody{RequestID: "0190b0a0-0000-7000-8000-000000000000", ReceivedAt: at, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	w.drain(t)
	done, err := w.forgetter().Forget(t.Context(), erasure.Person{ID: "u1"})
	want := erasure.Forgotten{Forgotten: eventlog.Forgotten{People: 1, Calls: 2, Payloads: 2, Rejected: 2}, Offset: 3}
	if err != nil || done != want {
		t.Errorf("got %+v, %v, want %+v", done, err, want)
	}
	if got := fmt.Sprint(w.rows(t, `SELECT convert_from(payload, 'UTF8') FROM relay.log ORDER BY "offset"`)); got != `[[null,{"type":"track","userId":"u11","event":"E"}] null {"relay":"forgotten","persons":1,"calls":2,"payloads":2,"rejected":2,"suppressed":false}]` {
		t.Errorf("the log holds %s", got)
	}
	if got := fmt.Sprint(w.rows(t, `SELECT convert_from(body, 'UTF8') FROM relay.rejected ORDER BY id`)); got != `[{"userId":"u11" xu1]` {
		t.Errorf("the rejected store holds %s", got)
	}
	w.drain(t)
	w.verify(t)
	if done, err := w.forgetter().Forget(t.Context(), erasure.Person{ID: "u1"}); err != nil || done.Calls != 0 || done.Offset != 0 {
		t.Errorf("a second time: %+v, %v", done, err)
	}
}
