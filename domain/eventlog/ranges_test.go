package eventlog

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWithout: what is left and what the others hold are the whole range, each
// offset once.
func TestWithout(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := func(label string, most int64) Offset { return Offset(rapid.Int64Range(0, most).Draw(t, label)) }
		r := Range{After: number("after", 30), UpTo: number("up to", 60)}
		var others []Range
		for range rapid.IntRange(0, 5).Draw(t, "others") {
			after := number("other's after", 60)
			others = append(others, Range{After: after, UpTo: after + number("other's length", 20)})
		}
		size := 1 + number("size", 9)
		left := r.Without(others, size)
		for o := Offset(1); o <= 90; o++ {
			held := func(in Range) bool { return in.After < o && o <= in.UpTo }
			want := held(r) && !slices.ContainsFunc(others, held)
			if n := count(left, held); n > 1 || (n == 1) != want {
				t.Fatalf("offset %d is in %d pieces of %v, wanted %v", o, n, left, want)
			}
		}
		for i, piece := range left {
			if piece.Empty() || piece.UpTo-piece.After > size || i > 0 && piece.After < left[i-1].UpTo {
				t.Fatalf("pieces %v of at most %d offsets", left, size)
			}
		}
	})
}

func count(ranges []Range, held func(Range) bool) (n int) {
	for _, r := range ranges {
		if held(r) {
			n++
		}
	}
	return n
}

// TestJoin: the same offsets are held, by ranges that do not touch.
func TestJoin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var ranges []Range
		for range rapid.IntRange(0, 6).Draw(t, "ranges") {
			after := Offset(rapid.Int64Range(0, 40).Draw(t, "after"))
			ranges = append(ranges, Range{After: after, UpTo: after + Offset(rapid.Int64Range(-2, 12).Draw(t, "length"))})
		}
		joined := Join(ranges)
		for o := Offset(1); o <= 60; o++ {
			held := func(r Range) bool { return r.After < o && o <= r.UpTo }
			if slices.ContainsFunc(joined, held) != slices.ContainsFunc(ranges, held) {
				t.Fatalf("offset %d: %v of %v", o, joined, ranges)
			}
		}
		for i, r := range joined {
			if r.Empty() || i > 0 && r.After <= joined[i-1].UpTo {
				t.Fatalf("%v of %v", joined, ranges)
			}
		}
	})
}
