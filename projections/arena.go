package projections

import "relay/domain/segment"

// arena hands out copies of JSON values from large blocks, since a fold keeps
// millions of values of a few bytes each.
type arena struct {
	block []byte
}

const arenaBlock = 64 << 10

// json returns the value as JSON text that Postgres can keep.
func (a *arena) json(v segment.Value) []byte {
	if cap(a.block)-len(a.block) < 1<<10 {
		a.block = make([]byte, 0, arenaBlock)
	}
	start := len(a.block)
	out := v.AppendJSON(a.block)
	if cap(out) == cap(a.block) {
		a.block = out // it fitted; otherwise append moved it to memory of its own
	}
	return out[start:len(out):len(out)]
}
