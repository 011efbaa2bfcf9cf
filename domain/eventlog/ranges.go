package eventlog

import (
	"cmp"
	"slices"
)

// Without returns the offsets of r that are in none of the others, in ascending
// ranges of at most size offsets. The others may overlap.
func (r Range) Without(others []Range, size Offset) []Range {
	others = slices.Clone(others)
	slices.SortFunc(others, func(a, b Range) int { return cmp.Compare(a.After, b.After) })
	var left []Range
	after := r.After
	for _, o := range others {
		left = Range{after, min(o.After, r.UpTo)}.appendPieces(left, size)
		after = max(after, o.UpTo)
	}
	return Range{after, r.UpTo}.appendPieces(left, size)
}

// appendPieces appends the range in pieces of at most size offsets.
func (r Range) appendPieces(list []Range, size Offset) []Range {
	for after := r.After; after < r.UpTo; after += size {
		list = append(list, Range{after, min(after+size, r.UpTo)})
	}
	return list
}

// Join returns the union of the ranges as the fewest ascending ranges.
func Join(ranges []Range) (out []Range) {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.After, b.After) })
	for _, r := range ranges {
		if last := len(out) - 1; last >= 0 && r.After <= out[last].UpTo {
			out[last].UpTo = max(out[last].UpTo, r.UpTo)
		} else if !r.Empty() {
			out = append(out, r)
		}
	}
	return out
}
