package postgres

import "encoding/binary"

// seenFilter tells which message keys may have come before, in a fixed amount
// of memory: a Bloom filter. It never misses one that came; of those that did
// not, it suspects about one in a thousand at ten million keys and one in
// twenty at forty million, which costs time and nothing else.
type seenFilter struct {
	bits []uint64
}

const (
	seenBits   = 1 << 28 // 32 MiB
	seenProbes = 4
)

func newSeenFilter() *seenFilter { return &seenFilter{bits: make([]uint64, seenBits/64)} }

// add notes the key and tells whether it may have been noted before. Keys are
// parts of a cryptographic hash, so their own bits serve as hashes.
func (f *seenFilter) add(key messageKey) bool {
	a, b := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])|1
	before := true
	for range seenProbes {
		bit := a % seenBits
		if f.bits[bit/64]&(1<<(bit%64)) == 0 {
			before = false
			f.bits[bit/64] |= 1 << (bit % 64)
		}
		a += b
	}
	return before
}
