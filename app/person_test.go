package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/lookupstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/lookup"
	"relay/domain/eventlog"
	"relay/domain/mapping"
)

// TestPersonFallsBackByPart: of a person to whom other ids gave properties alone,
// the channels and preferences stand that the person's own calls gave.
func TestPersonFallsBackByPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t, speaking(reaching(mapping.Join)))
	w.append(t, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), "/connector/segment",
		`{"type":"identify","userId":"ann","anonymousId":"dev1","traits":{"email":"ann@example.com","language":"en"}}`)
	w.drain(t)
	w.append(t, time.Date(2026, 1, 1, 12, 0, 1, 0, time.UTC), "/connector/segment", `{"type":"identify","anonymousId":"dev1","traits":{"theme":"dark"}}`)
	w.drain(t)
	ann, err := lookupstore.People{DB: w.db}.Person(t.Context(), "dev1")
	if err != nil || ann.ID != "ann" || len(ann.Channels) != 1 || *ann.Profile.PreferredLanguage != "en" || ann.Origins.Preferences["preferred_language"].Source != "web" {
		t.Errorf("ann is read as %+v, %v", ann, err)
	}
	w.tellsWhatSQLTells(t)
}

// TestPersonWithoutProfile: people are found by their ids before any identify call
// names them, with why they have no profile.
func TestPersonWithoutProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(t, time.Now(), "/connector/segment", `{"type":"track","userId":"early","event":"E"}`, `{"type":"track","anonymousId":"dev1","event":"E"}`)
	w.drain(t)
	finds := map[string]string{"early": "[early]", "dev1": "[dev1]", "earl": "[]", "dev": "[]"}
	w.searches(t, finds)
	for id, why := range map[string]string{"early": lookup.NeverIdentified, "dev1": lookup.NotJoined} {
		p, err := lookupstore.People{DB: w.db}.Person(t.Context(), id)
		if err != nil || p.ID != id || p.Profile != nil || p.NoProfile != why || len(p.Events) != 1 {
			t.Errorf("%s is read as %+v, %v", id, p, err)
		}
	}
	w.apply(t, reaching(mapping.Join))
	w.append(t, time.Now(), "/connector/segment", `{"type":"track","anonymousId":"dev2","event":"E"}`)
	w.drain(t)
	if p, err := (lookupstore.People{DB: w.db}).Person(t.Context(), "dev2"); err != nil || p.NoProfile != lookup.UnownedID {
		t.Errorf("dev2 is read as %+v, %v", p, err)
	}
	w.append(t, time.Now(), "/connector/segment", `{"type":"group","userId":"late","anonymousId":"dev2"}`)
	w.drain(t)
	finds["dev2"], finds["late"] = "[late]", "[late]"
	w.searches(t, finds)
	w.tellsWhatSQLTells(t)
}

// TestAnonymousByIndex: an anonymous id is found by an index once searches have
// theirs.
func TestAnonymousByIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var bodies []string
	for i := range 3000 {
		bodies = append(bodies, fmt.Sprintf(`{"type":"track","anonymousId":"a%d","event":"E"}`, i))
	}
	w.append(t, time.Now(), "/connector/segment", bodies...)
	w.drain(t)
	w.index(t, true)
	w.exec(t, `ANALYZE`)
	plan := strings.Join(w.rows(t, `EXPLAIN SELECT anonymous_id FROM relay.events WHERE distinct_id IS NULL AND anonymous_id = 'a7' LIMIT 1`), "\n")
	if strings.Contains(plan, "Seq Scan") {
		t.Errorf("events are read from end to end:\n%s", plan)
	}
}

// TestReadersTellWhatSQLTells: whatever came, with ids joined or not, re-projected
// and undone, what people are told of a person, an event and the mapping is what
// the views say.
func TestReadersTellWhatSQLTells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(1, 5).Draw(t, "one in some") > 1 {
			return // a check takes a while
		}
		w.reset(t)
		shadow, at := newShadow(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 7).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "seconds")) * time.Second)
			switch rapid.SampledFrom([]string{"payloads", "payloads", "payloads", "mapping", "mapping", "rollback", "replay", "undo"}).Draw(t, "step") {
			case "payloads":
				w.append(t, at, "/connector/segment", rapid.SliceOfN(linkedBodyGen, 1, 6).Draw(t, "bodies")...)
			case "mapping":
				spec := joinSpecGen.Draw(t, "spec")
				if applied := w.apply(t, spec); applied.Changed {
					shadow.applied(applied.Version, applied.Offset, spec)
				}
			case "rollback":
				w.rollback(t, rapid.IntRange(1, w.latest(t)).Draw(t, "version"))
			case "replay":
				w.replay(t, shadow)
			case "undo":
				w.undo(t)
			}
		}
		w.drain(t)
		w.tellsWhatSQLTells(t)
	})
}

func (w *world) latest(t tb) int {
	t.Helper()
	_, history, err := w.mappings().History(context.Background())
	if err != nil {
		t.Fatalf("history: %v", err)
	}
	return history.Latest()
}

func (w *world) rollback(t tb, version int) {
	t.Helper()
	if _, err := w.mappings().Rollback(context.Background(), version); err != nil {
		t.Fatalf("roll back to %d: %v", version, err)
	}
}

// tellsWhatSQLTells compares what readers return with the rows of the views.
func (w *world) tellsWhatSQLTells(t tb) {
	t.Helper()
	v := readViews(t, w)
	for id := range v.ids() {
		want, found := v.person(id)
		got, err := lookupstore.People{DB: w.db}.Person(context.Background(), id)
		if errors.Is(err, app.ErrNotFound) && !found {
			continue
		}
		if err != nil || !found {
			t.Fatalf("%q is read as %+v, %v; the views have somebody: %t", id, got, err, found)
		}
		if told := canonical(t, got); !reflect.DeepEqual(told, want) {
			t.Fatalf("%q is told as\n%v\nand the views say\n%v", id, told, want)
		}
		if (got.Profile == nil) != (got.NoProfile != "") {
			t.Fatalf("%q has the profile %v, and is said to have none: %q", id, got.Profile, got.NoProfile)
		}
		w.originsHold(t, got)
	}
	w.explainsEvents(t, v)
	w.tellsMapping(t)
}

// originsHold checks that each value of a profile stands in the call that it is
// said to come from.
func (w *world) originsHold(t tb, p lookup.Person) {
	t.Helper()
	if p.Profile == nil {
		return
	}
	var properties map[string]json.RawMessage
	if err := json.Unmarshal(p.Profile.Properties, &properties); err != nil {
		t.Fatalf("properties of %q: %v", p.ID, err)
	}
	for key, value := range properties {
		origin := p.Origins.Properties[key]
		explained, err := w.explainer().Explain(context.Background(), origin.Offset)
		if err != nil {
			t.Fatalf("origin of %q of %q: %v", key, p.ID, err)
		}
		at := slices.IndexFunc(explained.Calls, func(c lookup.ExplainedCall) bool { return c.Index == int(origin.Index) })
		said := false
		for name, member := range explained.Calls[at].Traits.Members {
			said = said || name == key && reflect.DeepEqual(canonical(t, json.RawMessage(member.AppendJSON(nil))), canonical(t, value))
		}
		if !said {
			t.Fatalf("%q of %q is %s, and is said to come from %+v", key, p.ID, value, origin)
		}
	}
}

func (w *world) explainer() *lookup.Explainer {
	return &lookup.Explainer{
		DB: w.database, Log: logstore.Reader{}, Controls: logstore.Controls{}, Generations: tables.Generations{},
		Messages: tables.Events{DB: w.db}, Served: lookupstore.EventReader{DB: w.db},
	}
}

// explainsEvents compares what is told of each call's event with the row, and what
// is told of calls that made none with there being none.
func (w *world) explainsEvents(t tb, v views) {
	t.Helper()
	told := 0
	for _, offset := range w.rows(t, `SELECT log_offset FROM relay.payloads`) {
		var at int64
		fmt.Sscan(offset, &at)
		explained, err := w.explainer().Explain(context.Background(), eventlog.Offset(at))
		if err != nil {
			t.Fatalf("explain %d: %v", at, err)
		}
		for _, call := range explained.Calls {
			rows := where(v.events, map[string]any{"log_offset": json.Number(offset), "log_index": json.Number(fmt.Sprint(call.Index))})
			if call.Served == nil && len(rows) == 0 {
				continue
			}
			if call.Served == nil || len(rows) == 0 || !reflect.DeepEqual(canonical(t, call.Served), rows[0]) ||
				call.Event.Name != call.Served.EventName || explained.Versions["events"] != call.Served.MappingVersion {
				t.Fatalf("call %d.%d is told as %+v, and the view says %v", at, call.Index, call.Served, rows)
			}
			told++
		}
	}
	if told != len(v.events) {
		t.Fatalf("%d events are told of, and the view has %d", told, len(v.events))
	}
}

// tellsMapping compares the history with the views of versions and timelines.
func (w *world) tellsMapping(t tb) {
	t.Helper()
	versions, history, err := w.mappings().History(context.Background())
	if err != nil {
		t.Fatalf("history: %v", err)
	}
	var told []string
	for _, v := range versions {
		spec, err := json.Marshal(v.Spec)
		if err != nil {
			t.Fatalf("%v", err)
		}
		told = append(told, fmt.Sprintln(v.Number, canonical(t, json.RawMessage(spec)), v.Note))
	}
	var rows []string
	for _, row := range w.rows(t, `SELECT to_jsonb(v) FROM relay.mapping_versions v ORDER BY version`) {
		r := canonical(t, json.RawMessage(row)).(map[string]any)
		rows = append(rows, fmt.Sprintln(r["version"], r["spec"], r["note"]))
	}
	if !slices.Equal(told, rows) {
		t.Fatalf("versions are told as %q, and the view says %q", told, rows)
	}
	var spans []string
	for _, name := range app.NamesOf(w.all) {
		for _, span := range history.Timelines.Of(name).Spans() {
			spans = append(spans, fmt.Sprint(name, " ", span.From, " ", span.Version))
		}
	}
	slices.Sort(spans)
	if rows := w.rows(t, `SELECT unnest(projections) || ' ' || from_offset || ' ' || version FROM relay.mapping_timeline ORDER BY 1`); !slices.Equal(spans, slices.Sorted(slices.Values(rows))) {
		t.Fatalf("the timelines are told as %q, and the view says %q", spans, rows)
	}
	status, err := lookupstore.Statuses{DB: w.db}.Read(context.Background())
	if err != nil || status.Mapping.Version != history.Current().Number {
		t.Fatalf("the status tells of version %d, %v; the history of %d", status.Mapping.Version, err, history.Current().Number)
	}
}
