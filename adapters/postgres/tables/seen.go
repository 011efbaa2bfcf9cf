package tables

import "encoding/binary"

// seenFilter tells which message keys may have come before, in a fixed amount
// of memory: a Bloom filter whose probes for one key fall into one cache line.
// It never misses one that came; of those that did not, it suspects about one in
// ten thousand at ten million keys and one in twenty at a hundred million, which
// costs time and nothing else.
type seenFilter struct {
	lines [][8]uint64
}

const (
	seenLines  = 1 << 20 // 64 MiB
	seenProbes = 4
)

func newSeenFilter() *seenFilter { return &seenFilter{lines: make([][8]uint64, seenLines)} }

// add notes the key and tells whether it may have been noted before. Keys are
// parts of a cryptographic hash, so their own bits serve as hashes.
func (f *seenFilter) add(key messageKey) bool {
	line := &f.lines[binary.LittleEndian.Uint64(key[:8])%seenLines]
	probes := binary.LittleEndian.Uint64(key[8:])
	before := true
	for range seenProbes {
		word, bit := probes%8, uint64(1)<<(probes/8%64)
		if line[word]&bit == 0 {
			before = false
			line[word] |= bit
		}
		probes >>= 9
	}
	return before
}
