package eventlog

import (
	"encoding/binary"

	"github.com/google/uuid"

	"relay/domain/segment"
)

// array is a one-dimensional array in Postgres' binary form, which the server
// reads without parsing. Its first arrayHeader bytes are written at the end.
type array struct {
	element uint32 // the type's OID, as Postgres' catalog fixes it
	data    []byte
	count   uint32
}

const (
	oidInt4        = 23
	oidTimestamptz = 1184
	oidUUID        = 2950
)

const arrayHeader = 20

// epoch2000 is where Postgres counts time from, in microseconds since 1970.
const epoch2000 = 946684800 * 1_000_000

// newArray returns an array with room for n values of so many bytes each.
func newArray(element uint32, n, size int) array {
	return array{element: element, data: make([]byte, arrayHeader, arrayHeader+n*(4+size))}
}

func (a *array) length(n uint32) {
	a.data = binary.BigEndian.AppendUint32(a.data, n)
	a.count++
}

func (a *array) int4(n int) {
	a.length(4)
	a.data = binary.BigEndian.AppendUint32(a.data, uint32(n))
}

func (a *array) instant(i segment.Instant) {
	a.length(8)
	a.data = appendInstant(a.data, i)
}

// appendInstant adds a timestamptz in binary form.
func appendInstant(data []byte, i segment.Instant) []byte {
	return binary.BigEndian.AppendUint64(data, uint64(int64(i)-epoch2000))
}

func (a *array) uuid(id uuid.UUID) {
	a.length(uint32(len(id)))
	a.data = append(a.data, id[:]...)
}

// bytes is the whole array, which must not be empty.
func (a *array) bytes() []byte {
	header := binary.BigEndian.AppendUint32(a.data[:0], 1) // dimensions
	header = binary.BigEndian.AppendUint32(header, 0)      // no nulls
	header = binary.BigEndian.AppendUint32(header, a.element)
	header = binary.BigEndian.AppendUint32(header, a.count)
	binary.BigEndian.AppendUint32(header, 1) // the first index
	return a.data
}
