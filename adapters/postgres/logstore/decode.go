package logstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"relay/adapters/postgres/wire"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// errFrame is returned for bytes that are no rows in Postgres' binary form.
var errFrame = errors.New("not a row of the log in binary form")

// entryDecoder reads rows in Postgres' binary form into one entry, which shares
// their memory.
type entryDecoder struct {
	entry   eventlog.Entry
	origins map[string]origin // by metadata, most of which are alike
}

// origin is what of an entry's metadata reading needs.
type origin struct {
	Source string `json:"source"`
	Route  string `json:"route"`
	Erased []int  `json:"erased"`
}

// knownOrigins bounds how many origins a decoder keeps.
const knownOrigins = 1000

func newEntryDecoder() entryDecoder { return entryDecoder{origins: map[string]origin{}} }

// next reads the first of the rows and returns the others. The columns are
// frameSQL's; a null payload is nil.
func (d *entryDecoder) next(rows []byte) (rest []byte, err error) {
	const columns = 5
	if len(rows) < 4 || binary.BigEndian.Uint32(rows) != columns {
		return nil, errFrame
	}
	var of [columns][]byte
	rest = rows[4:]
	for i := range of {
		if of[i], rest, err = binaryField(rest); err != nil {
			return nil, err
		}
	}
	offset, received, kinds, payload, metadata := of[0], of[1], of[2], of[3], of[4]
	if len(offset) != 8 || len(received) != 8 || len(kinds) != 4 || len(metadata) < 1 || metadata[0] != 1 {
		return nil, errFrame
	}
	d.entry = eventlog.Entry{
		Offset:     eventlog.Offset(binary.BigEndian.Uint64(offset)),
		ReceivedAt: wire.InstantOf(received),
		Kinds:      segment.Kinds(binary.BigEndian.Uint32(kinds)),
		Payload:    payload,
	}
	o, err := d.origin(metadata[1:]) // after jsonb's version
	d.entry.Source, d.entry.Route, d.entry.Erased = o.Source, o.Route, o.Erased
	return rest, err
}

// binaryField takes a column off a row: its type, its length, its bytes; nil is
// null.
func binaryField(row []byte) (field, rest []byte, err error) {
	const header = 8
	if len(row) < header {
		return nil, nil, errFrame
	}
	n := int64(int32(binary.BigEndian.Uint32(row[4:])))
	switch row = row[header:]; {
	case n == -1:
		return nil, row, nil
	case n < 0 || n > int64(len(row)):
		return nil, nil, errFrame
	}
	return row[:n:n], row[n:], nil
}

func (d *entryDecoder) origin(metadata []byte) (origin, error) {
	if o, ok := d.origins[string(metadata)]; ok {
		return o, nil
	}
	var o origin
	if err := json.Unmarshal(metadata, &o); err != nil {
		return o, fmt.Errorf("metadata of the entry at offset %d: %w", d.entry.Offset, err)
	}
	if len(d.origins) < knownOrigins {
		d.origins[string(metadata)] = o
	}
	return o, nil
}
