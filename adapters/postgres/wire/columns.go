package wire

import (
	"encoding/binary"

	"relay/domain/segment"
)

// Column is one column of many rows on its way to the server: a one-dimensional
// array in Postgres' binary form, which both sides read without parsing. The
// connection must have been opened with binary_parameters=yes.
type Column struct {
	element uint32 // the type's OID, as Postgres' catalog fixes it
	data    []byte // arrayHeader bytes left free, then length and bytes of each value
	Count   int
}

// OIDs of the types that columns are made of.
const (
	oidBool        = 16
	OIDBytea       = 17
	OIDInt8        = 20
	oidInt2        = 21
	OIDInt4        = 23
	OIDText        = 25
	OIDTimestamptz = 1184
	OIDUUID        = 2950
	oidJSONB       = 3802
)

const arrayHeader = 20

// epoch2000 is where Postgres counts time from, in microseconds since 1970.
const epoch2000 = 946684800 * 1_000_000

func NewColumn(element uint32) *Column {
	return &Column{element: element, data: make([]byte, arrayHeader, 4096)}
}

// NewSizedColumn is NewColumn with room for n values of size bytes each.
func NewSizedColumn(element uint32, n, size int) *Column {
	return &Column{element: element, data: make([]byte, arrayHeader, arrayHeader+n*(4+size))}
}

// NewColumns returns a column for each element type.
func NewColumns(elements ...uint32) []*Column {
	columns := make([]*Column, len(elements))
	for i, element := range elements {
		columns[i] = NewColumn(element)
	}
	return columns
}

func (c *Column) length(n int) {
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(n))
	c.Count++
}

func (c *Column) Null() { c.length(-1) }

func (c *Column) Text(s string) {
	c.length(len(s))
	c.data = append(c.data, s...)
}

// OrNull adds a text, or null for an empty one.
func (c *Column) OrNull(s string) {
	if s == "" {
		c.Null()
		return
	}
	c.Text(s)
}

func (c *Column) Bytes(b []byte) {
	c.length(len(b))
	c.data = append(c.data, b...)
}

func (c *Column) JSON(b []byte) {
	c.length(len(b) + 1)
	c.data = append(c.data, 1) // jsonb's binary version
	c.data = append(c.data, b...)
}

func (c *Column) Int8(n int64) {
	c.length(8)
	c.data = binary.BigEndian.AppendUint64(c.data, uint64(n))
}

func (c *Column) Int4(n int32) {
	c.length(4)
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(n))
}

// Instant adds a timestamptz.
func (c *Column) Instant(i segment.Instant) {
	c.length(8)
	c.data = AppendInstant(c.data, i)
}

// UUID adds a uuid.
func (c *Column) UUID(id [16]byte) { c.Bytes(id[:]) }

// AppendInstant appends the binary form of a timestamptz, 8 bytes.
func AppendInstant(data []byte, i segment.Instant) []byte {
	return binary.BigEndian.AppendUint64(data, uint64(int64(i)-epoch2000))
}

// InstantOf reads the binary form of a timestamptz, 8 bytes.
func InstantOf(data []byte) segment.Instant {
	return segment.Instant(int64(binary.BigEndian.Uint64(data)) + epoch2000)
}

// BinaryValue is what lib/pq sends.
func (c *Column) BinaryValue() ([]byte, error) {
	return withArrayHeader(c.data, c.element, c.Count), nil
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

// Arguments makes query arguments of columns.
func Arguments(columns []*Column) []any {
	args := make([]any, len(columns))
	for i, c := range columns {
		args[i] = c
	}
	return args
}

// TextColumn makes a column of a map's keys.
func TextColumn[V any](of map[string]V) *Column {
	c := NewColumn(OIDText)
	for key := range of {
		c.Text(key)
	}
	return c
}

// Texts makes a column of a list.
func Texts(list []string) *Column {
	c := NewColumn(OIDText)
	for _, text := range list {
		c.Text(text)
	}
	return c
}
