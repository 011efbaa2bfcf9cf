package projections

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// TestWithout: where Without is sure, the result equals the issues of a log that
// never held the erased calls.
func TestWithout(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, kept, gone := Issues{}, Issues{}, Lost{}
		for offset := range rapid.IntRange(1, 8).Draw(t, "entries") {
			e := &eventlog.Entry{Offset: eventlog.Offset(offset), ReceivedAt: segment.Instant(rapid.IntRange(0, 5).Draw(t, "received"))}
			before, after := Issues{}, Issues{}
			for range rapid.IntRange(0, 4).Draw(t, "issues") {
				code := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "code")
				before.Add(e, code, "")
				if rapid.IntRange(0, 3).Draw(t, "erased") > 0 {
					after.Add(e, code, "")
				}
			}
			all.Merge(before)
			kept.Merge(after)
			gone.Add(before, after)
		}
		left, sure := all.Without(gone)
		for key := range kept {
			if left[key].Count != kept[key].Count {
				t.Fatalf("left %v, want %v", left, kept)
			}
		}
		if len(left) != len(kept) || sure && !maps.Equal(left, kept) {
			t.Fatalf("sure %v of %v, want %v", sure, left, kept)
		}
		if len(gone) == 0 && !sure {
			t.Fatalf("nothing was erased, and it is not sure of %v", left)
		}
	})
}
