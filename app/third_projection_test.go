package app_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"relay/app"
	"relay/app/erasure"
	"relay/domain/eventlog"
	"relay/domain/mapping"
)

// withDaily adds the third projection to a world.
func withDaily(t *testing.T, w *world) *world {
	t.Helper()
	w.all = append(w.all, dailyProjection(w.db))
	if err := w.setUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// checkDaily holds the view of the third projection against what the payloads say.
func (s *shadow) checkDaily(t tb, w *world) {
	t.Helper()
	want := map[string]int{}
	for _, p := range readRows[struct {
		Offset  eventlog.Offset
		Day     string
		Payload []byte
	}](t, w, `SELECT jsonb_build_object('Offset', log_offset, 'Day', (received_at AT TIME ZONE 'UTC')::date, 'Payload', encode(payload, 'base64')) FROM relay.payloads`) {
		version := 1
		for _, span := range s.timelines["daily"] {
			if span.From <= int64(p.Offset) {
				version = span.Version
			}
		}
		for _, call := range elements(p.Payload) {
			fields, _ := call.(map[string]any)
			kind := textOf(fields, "type")
			if (kind == "track" || kind == "group") && textOf(fields, "userId")+textOf(fields, "anonymousId") != "" {
				want[strings.Join([]string{p.Day, kind, s.mappings[version].EventPrefix}, "|")]++
			}
		}
	}
	got := map[string]int{}
	for _, row := range w.rows(t, `SELECT concat_ws('|', day, type, prefix, calls) FROM relay.daily`) {
		i := strings.LastIndex(row, "|")
		got[row[:i]], _ = strconv.Atoi(row[i+1:])
	}
	if !maps.Equal(got, want) {
		t.Fatalf("relay.daily says %v, want %v", got, want)
	}
}

// TestThirdProjectionHistories: whatever the history, the third projection serves
// what the payloads say, and the other two are as they would be without it.
func TestThirdProjectionHistories(t *testing.T) {
	t.Parallel()
	identitiesIn(t, withDaily(t, newWorld(t)), 5, "daily")
}

// TestThirdProjection: a projection that is added to the list goes through all
// that relay does with projections, without a change anywhere else.
func TestThirdProjection(t *testing.T) {
	t.Parallel()
	w, s := withDaily(t, newWorld(t)), newShadow("daily")
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	is := func(step string) {
		t.Helper()
		s.check(t, w)
		w.verify(t)
		if wrong := w.checkParts(t, []string{"ann", "bob"}); len(wrong) > 0 {
			t.Fatalf("%s: %+v", step, wrong)
		}
		t.Logf("%s: %v", step, w.rows(t, `SELECT to_jsonb(d) FROM relay.daily d ORDER BY prefix, type`))
	}
	send := func(bodies ...string) { t.Helper(); w.append(t, noon, "/connector/segment", bodies...); w.drain(t) }
	apply := func(prefix string, identity mapping.Identity) {
		t.Helper()
		spec := mapping.Default()
		spec.EventPrefix, spec.Identity = prefix, identity
		applied := w.apply(t, spec)
		s.applied(applied.Version, applied.Offset, spec)
	}
	reproject := func(chosen []app.Projection) {
		t.Helper()
		w.dryRun(t, "beginning")
		w.reproject(t, "beginning", chosen)
		s.reprojected(app.NamesOf(chosen), eventlog.FirstOffset)
	}
	undo := func() {
		t.Helper()
		if !w.undo(t) {
			t.Fatal("the re-projection cannot be undone")
		}
		s.undone()
	}

	apply("", mapping.Off)
	send(`{"type":"track","userId":"ann","event":"E","messageId":"m"}`, `{"type":"group","userId":"ann"}`, `{"type":"group","anonymousId":"dev1"}`)
	send(`[{"type":"track","userId":"bob","event":"E","messageId":"m"},{"type":"group","userId":"bob"},{"type":"identify","userId":"bob"}]`)
	is("live")
	apply("shop : ", mapping.Off)
	send(`{"type":"track","userId":"ann","event":"F"}`)
	is("under a changed mapping")
	reproject(w.all[2:])
	is("re-projected alone")
	undo()
	is("undone")
	reproject(w.all)
	is("re-projected with the others")
	send(`{"type":"delete","userId":"bob"}`, `{"type":"group","userId":"bob"}`)
	w.honourDeletes(t, w.forgetter())
	is("bob deleted, and come back")
	if _, err := w.forgetter().Forget(t.Context(), erasure.Person{ID: "ann"}); err != nil {
		t.Fatal(err)
	}
	is("ann forgotten")
	undo()
	is("undone, with all that were erased")
	if left := w.rows(t, `SELECT sum(calls) FROM relay.daily`); left[0] != "2" {
		t.Errorf("%s calls are left, want those of dev1 and bob", left[0])
	}
	apply("", mapping.Join)
	send(`{"type":"group","userId":"bob","anonymousId":"dev1"}`, `{"type":"track","anonymousId":"dev1","event":"E"}`, `{"type":"alias","userId":"bob","previousId":"rob"}`)
	is("where ids are joined")
	reproject(w.all)
	is("where ids are joined, re-projected")
	if _, err := w.forgetter().Forget(t.Context(), erasure.Person{ID: "rob"}); err != nil {
		t.Fatal(err)
	}
	is("bob forgotten, who is dev1 and rob too")
	if left := w.rows(t, `SELECT to_jsonb(d) FROM relay.daily d`); len(left) > 0 {
		t.Errorf("%s is left of calls that were all erased", left)
	}
}
