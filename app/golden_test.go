package app_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relay/adapters/mappingfile"
	"relay/domain/eventlog"
	"relay/projections/model"
)

// golden is one case of a projection rule: payloads, and the rows they make.
type golden struct {
	Comment  string
	Mappings map[string]json.RawMessage // by version, in the shape of a mapping file
	Entries  []goldenEntry
	Timeline []model.Span  // versions to apply after the entries; from 0: without a re-projection
	Later    []goldenEntry // come after the timeline was changed
	// Want holds, for each view that matters, its rows in order; only the
	// columns that a row names are compared.
	Want map[string][]map[string]any
}

type goldenEntry struct {
	ReceivedAt time.Time `json:"received_at"`
	Route      string
	Body       string
}

var goldenOrder = map[string]string{
	"profiles":         `distinct_id COLLATE "C"`,
	"profile_channels": `distinct_id COLLATE "C", channel, first_seen_at, value COLLATE "C"`,
	"events":           `log_offset, log_index`,
	"identities":       `kind, id COLLATE "C"`,
	"issues":           `code, detail`,
}

// TestRules runs the cases in projections/testdata/rules, one folder a rule.
func TestRules(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../projections/testdata/rules/*/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	w := newWorld(t)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "../projections/testdata/rules/"), ".json")
		g := readGolden(t, file)
		t.Run(name, func(t *testing.T) { w.runGolden(t, g) })
	}
}

func readGolden(t *testing.T, file string) (g golden) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&g); err != nil {
		t.Fatal(err)
	}
	return g
}

func (w *world) runGolden(t *testing.T, g golden) {
	t.Helper()
	w.reset(t)
	if last := w.appendGolden(t, g.Entries); last != eventlog.Offset(len(g.Entries)) {
		t.Fatalf("the last of %d entries stands at log offset %d", len(g.Entries), last)
	}
	w.drain(t)
	shadow := newShadow()
	w.giveTimeline(t, g, shadow)
	w.appendGolden(t, g.Later)
	w.drain(t)
	for view, want := range g.Want {
		got := readRows[map[string]any](t, w, fmt.Sprintf(`SELECT to_jsonb(v) FROM relay.%s v ORDER BY %s`, view, goldenOrder[view]))
		compareGolden(t, view, got, want)
	}
	shadow.check(t, w)
	w.verify(t)
}

// appendGolden appends the entries and returns the last one's offset.
func (w *world) appendGolden(t *testing.T, entries []goldenEntry) (last eventlog.Offset) {
	t.Helper()
	for i, e := range entries {
		got := w.append(t, e.ReceivedAt, cmp.Or(e.Route, "/connector/segment"), e.Body)
		if len(got) != 1 {
			t.Fatalf("entry %d stands at %v: it was not accepted", i, got)
		}
		last = got[0]
	}
	return last
}

// giveTimeline applies the case's versions and re-projects from where each is
// to begin.
func (w *world) giveTimeline(t *testing.T, g golden, shadow *shadow) {
	t.Helper()
	for _, span := range g.Timeline {
		if span.Version == 1 {
			if _, err := w.mappings().Rollback(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			shadow.current = 1
		} else {
			spec, err := mappingfile.Parse("mapping", g.Mappings[fmt.Sprint(span.Version)])
			if err != nil {
				t.Fatal(err)
			}
			applied := w.apply(t, spec)
			shadow.applied(applied.Version, applied.Offset, spec)
		}
		if span.From == 0 {
			continue
		}
		w.reproject(t, fmt.Sprint(span.From), w.all)
		shadow.reprojected([]string{"profiles", "events"}, eventlog.Offset(span.From))
	}
}

func compareGolden(t *testing.T, view string, got, want []map[string]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d: %v", view, len(got), len(want), got)
		return
	}
	for i, row := range want {
		for column, value := range row {
			if g, w := goldenValue(got[i][column]), goldenValue(value); g != w {
				t.Errorf("%s, row %d: %s is %s, want %s", view, i, column, g, w)
			}
		}
	}
}

// goldenValue makes equal values equal texts; times may be written in any zone.
func goldenValue(v any) string {
	if text, ok := v.(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return model.Canonical(v)
}
