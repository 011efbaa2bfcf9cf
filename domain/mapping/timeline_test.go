package mapping

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"relay/domain/eventlog"
)

const modelEnd = 24

// model is a timeline as an array: the version at each offset, and where the
// span began that the offset belongs to.
type model [modelEnd + 1]struct {
	version int
	began   eventlog.Offset
}

func newModel() (m model) {
	for o := range m {
		m[o].version = 1
	}
	m.span()
	return m
}

// span notes where spans begin: wherever the version is not that of the offset
// before. Version 1 holds before anything is in the log, from offset 0 so to say.
func (m *model) span() {
	m[0].version = 1
	for o := 1; o <= modelEnd; o++ {
		m[o].began = m[o-1].began
		if m[o].version != m[o-1].version {
			m[o].began = eventlog.Offset(o)
		}
	}
}

func (m *model) activate(at eventlog.Offset, version int) {
	for o := max(at, 1); o <= modelEnd; o++ {
		m[o].version = version
	}
	m.span()
}

func (m *model) reproject(from eventlog.Offset, version int, asOf eventlog.Offset) {
	for o := max(from, 1); o <= modelEnd; o++ {
		if m[o].began <= asOf {
			m[o].version = version
		}
	}
	m.span()
}

func offsets() *rapid.Generator[eventlog.Offset] {
	return rapid.Custom(func(t *rapid.T) eventlog.Offset {
		return eventlog.Offset(rapid.Int64Range(0, modelEnd).Draw(t, "offset"))
	})
}

// drawTimeline changes a new timeline and the model in the same way.
func drawTimeline(t *rapid.T, label string) (Timeline, model) {
	timeline, m := NewTimeline(), newModel()
	for range rapid.IntRange(0, 6).Draw(t, label) {
		at, version := offsets().Draw(t, "at"), rapid.IntRange(1, 4).Draw(t, "version")
		if rapid.Bool().Draw(t, "activate") {
			timeline = timeline.Activate(at, version)
			m.activate(at, version)
			continue
		}
		asOf := offsets().Draw(t, "asOf")
		timeline = timeline.Reproject(at, version, asOf)
		m.reproject(at, version, asOf)
	}
	return timeline, m
}

func TestTimelineMatchesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		timeline, m := drawTimeline(t, "changes")
		starts := map[int]eventlog.Offset{}
		for o := eventlog.FirstOffset; o <= modelEnd; o++ {
			if got := timeline.At(o); got != m[o].version {
				t.Fatalf("at %d: %d, want %d: %v", o, got, m[o].version, timeline.Spans())
			}
			if _, ok := starts[m[o].version]; !ok {
				starts[m[o].version] = o
			}
		}
		if got := timeline.Current(); got != m[modelEnd].version || got != timeline.At(math.MaxInt64) {
			t.Fatalf("current %d, want %d", got, m[modelEnd].version)
		}
		for version := 1; version <= 4; version++ {
			got, ok := timeline.Start(version)
			if want, holds := starts[version]; got != want || ok != holds {
				t.Fatalf("version %d starts at %d %v, want %d %v", version, got, ok, want, holds)
			}
		}
		if from, version := timeline.CurrentStart(); from != max(m[modelEnd].began, 1) || version != timeline.Current() {
			t.Fatalf("current start %d, want %d", from, m[modelEnd].began)
		}
	})
}

func TestTimelineIsCanonical(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		timeline, m := drawTimeline(t, "changes")
		other, n := drawTimeline(t, "others")
		if same := m == n; timeline.Equal(other) != same {
			t.Fatalf("%v and %v: equal is %v", timeline.Spans(), other.Spans(), !same)
		}
		spans := timeline.Spans()
		for i, s := range spans {
			if i == 0 && s.From != eventlog.FirstOffset || i > 0 && (s.From <= spans[i-1].From || s.Version == spans[i-1].Version) {
				t.Fatalf("spans %v", spans)
			}
		}
		text, err := json.Marshal(timeline)
		if err != nil {
			t.Fatal(err)
		}
		var read Timeline
		if err := json.Unmarshal(text, &read); err != nil || !read.Equal(timeline) {
			t.Fatalf("%s: read %v, %v", text, read, err)
		}
	})
}

func TestTimelineIsAValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		timeline, m := drawTimeline(t, "changes")
		timeline.Activate(offsets().Draw(t, "at"), 5).Activate(modelEnd, 6)
		timeline.Reproject(offsets().Draw(t, "from"), 5, modelEnd)
		for o := eventlog.FirstOffset; o <= modelEnd; o++ {
			if timeline.At(o) != m[o].version {
				t.Fatalf("at %d: %d, want %d", o, timeline.At(o), m[o].version)
			}
		}
	})
}

func TestDifferencesCoverWhatDiffers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		served, _ := drawTimeline(t, "served")
		wanted, _ := drawTimeline(t, "wanted")
		differences := Differences(served, wanted)
		for o := eventlog.FirstOffset; o <= modelEnd+5; o++ {
			covered := 0
			for _, d := range differences {
				if d.After < o && (o <= d.UpTo || d.UpTo == 0) {
					covered++
					if d.Served != served.At(o) || d.Wanted != wanted.At(o) {
						t.Fatalf("at %d: %+v", o, d)
					}
				}
			}
			want := 0
			if served.At(o) != wanted.At(o) {
				want = 1
			}
			if covered != want {
				t.Fatalf("at %d: in %d differences of %+v, want %d", o, covered, differences, want)
			}
		}
	})
}

func TestTimelineRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `[]`, `[{"from":2,"version":1}]`, `[{"from":1,"version":0}]`,
		`[{"from":1,"version":1},{"from":1,"version":2}]`,
	} {
		var timeline Timeline
		if err := json.Unmarshal([]byte(text), &timeline); err == nil {
			t.Errorf("%s: read as %v", text, timeline)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	var entries []eventlog.ControlEntry
	add := func(at eventlog.Offset, c eventlog.Control) {
		entries = append(entries, eventlog.ControlEntry{Offset: at, Control: c})
	}
	activate := func(at eventlog.Offset, version int) {
		add(at, eventlog.Control{MappingActivated: &eventlog.MappingActivated{Version: version}})
	}
	reproject := func(at, from eventlog.Offset, version int, asOf eventlog.Offset, projections ...string) {
		add(at, eventlog.Control{Reprojected: &eventlog.Reprojected{
			Projections: projections, From: from, Version: version, AsOf: asOf,
		}})
	}
	undo := func(at, entry eventlog.Offset) { add(at, eventlog.Control{Undone: &eventlog.Undone{Entry: entry}}) }
	check := func(when, events string) {
		t.Helper()
		want := map[string]string{
			"profiles": `[{"from":1,"version":1},{"from":100,"version":2},{"from":200,"version":3}]`,
			"events":   events,
		}
		timelines := Fold(entries)
		for name, spans := range want {
			if got, err := json.Marshal(timelines.Of(name)); string(got) != spans || err != nil {
				t.Errorf("%s, %s: got %s, want %s", when, name, got, spans)
			}
		}
	}
	const before = `[{"from":1,"version":1},{"from":100,"version":2},{"from":200,"version":3}]`
	const after = `[{"from":1,"version":1},{"from":50,"version":2},{"from":200,"version":3}]`
	activate(100, 2)
	activate(200, 3) // while the replay of version 2 runs
	check("two activations", before)
	reproject(300, 50, 2, 100, "events", "retired")
	check("a re-projection", after)
	undo(400, 300)
	check("undone", before)
	undo(500, 400)
	check("the undoing undone", after)
	undo(600, 500)
	check("and undone once more", before)
	undo(700, 200)
	undo(800, 900)
	check("what cannot be undone", before)
}

func BenchmarkTimelineAt(b *testing.B) {
	timeline := NewTimeline()
	for v := range 20 {
		timeline = timeline.Activate(eventlog.Offset(1000*v), v+1)
	}
	for i := 0; b.Loop(); i++ {
		timeline.At(eventlog.Offset(i % 20_000))
	}
}
