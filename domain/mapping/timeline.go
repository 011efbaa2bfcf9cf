package mapping

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	"relay/domain/eventlog"
)

// Span is a part of the log that one version applies to: from From on, up to where
// the next span begins.
type Span struct {
	From    eventlog.Offset `json:"from"`
	Version int             `json:"version"`
}

// Timeline says which mapping version applies to which part of the log. It is a
// value: its methods return new timelines and do not change the old. The zero
// Timeline is NewTimeline().
type Timeline struct {
	// spans ascend by From, and neighbours differ in version. Before the first
	// of them version 1 applies, so the first has another version.
	spans []Span
}

const firstVersion = 1

// NewTimeline returns the timeline of an empty log: version 1 everywhere.
func NewTimeline() Timeline { return Timeline{} }

// At returns the version that applies to the offset.
func (t Timeline) At(o eventlog.Offset) int { return lastOf(t.spans[:upTo(t.spans, o)]) }

// Current returns the version that is in force: it applies to the next entry.
func (t Timeline) Current() int { return lastOf(t.spans) }

// Activate returns the timeline in which the version is in force from the offset on.
func (t Timeline) Activate(at eventlog.Offset, version int) Timeline {
	at = max(at, eventlog.FirstOffset)
	return Timeline{appendSpan(slices.Clone(t.spans[:upTo(t.spans, at-1)]), at, version)}
}

// Reproject returns the timeline after a replay that applied the version from
// `from` on. Spans that began after asOf stay: they are activations that came after
// the replay was planned.
func (t Timeline) Reproject(from eventlog.Offset, version int, asOf eventlog.Offset) Timeline {
	from = max(from, eventlog.FirstOffset)
	late := t.spans[upTo(t.spans, asOf):]
	if len(late) > 0 && late[0].From <= from {
		return t
	}
	out := appendSpan(slices.Clone(t.spans[:upTo(t.spans, from-1)]), from, version)
	for _, s := range late {
		out = appendSpan(out, s.From, s.Version)
	}
	return Timeline{out}
}

// Spans returns all spans; the first begins at eventlog.FirstOffset.
func (t Timeline) Spans() []Span {
	if len(t.spans) > 0 && t.spans[0].From == eventlog.FirstOffset {
		return slices.Clone(t.spans)
	}
	return append([]Span{{eventlog.FirstOffset, firstVersion}}, t.spans...)
}

// Start returns the smallest offset that the version applies to, false if it applies
// to none.
func (t Timeline) Start(version int) (eventlog.Offset, bool) {
	for _, s := range t.Spans() {
		if s.Version == version {
			return s.From, true
		}
	}
	return 0, false
}

// CurrentStart returns the offset from which on the current version applies without
// a break, and that version.
func (t Timeline) CurrentStart() (eventlog.Offset, int) {
	if len(t.spans) == 0 {
		return eventlog.FirstOffset, firstVersion
	}
	last := t.spans[len(t.spans)-1]
	return last.From, last.Version
}

// Equal reports whether both give the same version everywhere.
func (t Timeline) Equal(u Timeline) bool { return slices.Equal(t.spans, u.spans) }

// MarshalJSON writes the list of Spans.
func (t Timeline) MarshalJSON() ([]byte, error) { return json.Marshal(t.Spans()) }

// UnmarshalJSON reads a list of spans.
func (t *Timeline) UnmarshalJSON(data []byte) error {
	var spans []Span
	if err := json.Unmarshal(data, &spans); err != nil {
		return fmt.Errorf("read a timeline: %w", err)
	}
	if len(spans) == 0 || spans[0].From != eventlog.FirstOffset {
		return fmt.Errorf("read a timeline: it does not begin at offset %d", eventlog.FirstOffset)
	}
	var out []Span
	for i, s := range spans {
		if s.Version < firstVersion || i > 0 && s.From <= spans[i-1].From {
			return fmt.Errorf("read a timeline: span %d (from %d, version %d) is out of order", i, s.From, s.Version)
		}
		out = appendSpan(out, s.From, s.Version)
	}
	t.spans = out
	return nil
}

// upTo returns how many spans begin at the offset or before it.
func upTo(spans []Span, o eventlog.Offset) int {
	return sort.Search(len(spans), func(i int) bool { return spans[i].From > o })
}

func lastOf(spans []Span) int {
	if len(spans) == 0 {
		return firstVersion
	}
	return spans[len(spans)-1].Version
}

// appendSpan adds a span behind all others, unless it changes nothing.
func appendSpan(spans []Span, from eventlog.Offset, version int) []Span {
	if lastOf(spans) == version {
		return spans
	}
	return append(spans, Span{from, version})
}
