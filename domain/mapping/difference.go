package mapping

import (
	"slices"

	"relay/domain/eventlog"
)

// Difference is a part of the log, the offsets in (After, UpTo], to which two
// timelines give different versions.
type Difference struct {
	After, UpTo    eventlog.Offset // UpTo 0: open
	Served, Wanted int
}

// Differences returns all parts of the log in which the timelines differ, in order.
func Differences(served, wanted Timeline) []Difference {
	var begins []eventlog.Offset
	for _, s := range append(served.Spans(), wanted.Spans()...) {
		begins = append(begins, s.From)
	}
	slices.Sort(begins)
	begins = slices.Compact(begins)
	var out []Difference
	for i, from := range begins {
		d := Difference{After: from - 1, Served: served.At(from), Wanted: wanted.At(from)}
		if i+1 < len(begins) {
			d.UpTo = begins[i+1] - 1
		}
		if d.Served != d.Wanted {
			out = append(out, d)
		}
	}
	return out
}
