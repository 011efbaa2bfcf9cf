// Package eventlog holds the nouns of the log: offsets, positions, stamps,
// entries and control entries. It knows no database and no clock.
package eventlog

import (
	"cmp"

	"relay/domain/segment"
)

// Offset is the place of an entry in the log. Offsets start at FirstOffset and
// become visible in order; they may have gaps.
type Offset int64

// FirstOffset is the smallest offset that an entry can have.
const FirstOffset Offset = 1

// Position is the place of a call: its entry's offset and its index among the
// calls of that payload, from 0.
type Position struct {
	Offset Offset
	Index  int32
}

// Compare orders positions by offset, then index.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Offset, q.Offset); c != 0 {
		return c
	}
	return cmp.Compare(p.Index, q.Index)
}

// Stamp orders the writes to a register: the write with the greatest stamp wins.
type Stamp struct {
	At segment.Instant
	Position
}

// Compare orders stamps by observed-at, then position.
func (s Stamp) Compare(t Stamp) int {
	if c := cmp.Compare(s.At, t.At); c != 0 {
		return c
	}
	return s.Position.Compare(t.Position)
}
