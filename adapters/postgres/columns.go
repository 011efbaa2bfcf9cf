package postgres

import (
	"encoding/binary"

	"relay/domain/segment"
)

// column is one column of many rows on its way to the server: a one-dimensional
// array in Postgres' binary form, which both sides read without parsing. The
// connection must have been opened with binary_parameters=yes.
type column struct {
	element uint32 // the type's OID, as Postgres' catalog fixes it
	data    []byte // arrayHeader bytes left free, then length and bytes of each value
	count   int
}

// OIDs of the types that columns are made of.
const (
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidBool        = 16
	oidText        = 25
	oidTimestamptz = 1184
	oidUUID        = 2950
	oidJSONB       = 3802
)

const arrayHeader = 20

// epoch2000 is where Postgres counts time from, in microseconds since 1970.
const epoch2000 = 946684800 * 1_000_000

func newColumn(element uint32) *column {
	return &column{element: element, data: make([]byte, arrayHeader, 4096)}
}

func newColumns(elements ...uint32) []*column {
	columns := make([]*column, len(elements))
	for i, element := range elements {
		columns[i] = newColumn(element)
	}
	return columns
}

func (c *column) length(n int) {
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(n))
	c.count++
}

func (c *column) null() { c.length(-1) }

func (c *column) text(s string) {
	c.length(len(s))
	c.data = append(c.data, s...)
}

// orNull adds a text, or null for an empty one.
func (c *column) orNull(s string) {
	if s == "" {
		c.null()
		return
	}
	c.text(s)
}

func (c *column) bytes(b []byte) {
	c.length(len(b))
	c.data = append(c.data, b...)
}

func (c *column) json(b []byte) {
	c.length(len(b) + 1)
	c.data = append(c.data, 1) // jsonb's binary version
	c.data = append(c.data, b...)
}

func (c *column) int8(n int64) {
	c.length(8)
	c.data = binary.BigEndian.AppendUint64(c.data, uint64(n))
}

func (c *column) int4(n int32) {
	c.length(4)
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(n))
}

func (c *column) instant(i segment.Instant) { c.int8(int64(i) - epoch2000) }

// BinaryValue is what lib/pq sends.
func (c *column) BinaryValue() ([]byte, error) {
	return withArrayHeader(c.data, c.element, c.count), nil
}

// withArrayHeader fills in the header that data was left free for.
func withArrayHeader(data []byte, element uint32, count int) []byte {
	header := data[:0]
	dimensions := uint32(1)
	if count == 0 {
		dimensions = 0
	}
	header = binary.BigEndian.AppendUint32(header, dimensions)
	header = binary.BigEndian.AppendUint32(header, 1) // may hold nulls
	header = binary.BigEndian.AppendUint32(header, element)
	if count == 0 {
		return header
	}
	header = binary.BigEndian.AppendUint32(header, uint32(count))
	binary.BigEndian.AppendUint32(header, 1) // the first index
	return data
}

// arguments makes query arguments of columns.
func arguments(columns []*column) []any {
	args := make([]any, len(columns))
	for i, c := range columns {
		args[i] = c
	}
	return args
}

// textColumn makes a column of a map's keys.
func textColumn[V any](of map[string]V) *column {
	c := newColumn(oidText)
	for key := range of {
		c.text(key)
	}
	return c
}

// texts makes a column of a list.
func texts(list []string) *column {
	c := newColumn(oidText)
	for _, text := range list {
		c.text(text)
	}
	return c
}
