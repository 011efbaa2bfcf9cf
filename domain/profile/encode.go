package profile

import (
	"encoding/binary"
	"errors"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// ErrCorrupt is returned for bytes that none of this package's encoders wrote.
var ErrCorrupt = errors.New("corrupt profile state")

// AppendBinary appends the whole state in a compact form, for partial results
// of a rebuild. Decoder reads it. Most partial results are of one call, so times
// are differences from First, and a stamp is written only if it differs from the one
// before.
func (s State) AppendBinary(dst []byte) []byte {
	dst = appendBool(dst, s.Identified)
	dst = binary.AppendVarint(dst, int64(s.First))
	dst = binary.AppendVarint(dst, int64(s.Last-s.First))
	var last eventlog.Stamp
	dst = binary.AppendUvarint(dst, uint64(len(s.Traits)))
	for _, t := range s.Traits {
		dst = appendBytes(dst, t.Key)
		dst = appendBytes(dst, t.Value)
		dst, last = appendNextStamp(dst, t.Stamp, last)
	}
	for _, setting := range s.Settings {
		dst = appendBytes(dst, setting.Value)
		dst, last = appendNextStamp(dst, setting.Stamp, last)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Channels)))
	for _, v := range s.Channels {
		dst = append(dst, byte(v.Channel))
		dst = appendBytes(dst, v.Value)
		dst = binary.AppendVarint(dst, int64(v.First-s.First))
		dst = binary.AppendVarint(dst, int64(v.Last-v.First))
	}
	return dst
}

// Decoder reads states. It keeps one copy of each trait key, up to a number. It
// is not for concurrent use.
type Decoder struct {
	keys map[string]string
}

// knownKeys bounds how many keys a decoder keeps.
const knownKeys = 10_000

// State reads what AppendBinary wrote. The values of traits share data's memory.
func (d *Decoder) State(data []byte) (State, error) {
	r := reader{data: data}
	s := State{Identified: r.bool(), First: segment.Instant(r.varint())}
	s.Last = s.First + segment.Instant(r.varint())
	if n := r.count(4); n > 0 {
		s.Traits = make([]Trait, n)
	}
	for i := range s.Traits {
		s.Traits[i] = Trait{Key: d.key(r.bytes()), Value: r.bytes(), Stamp: r.nextStamp()}
	}
	for i := range s.Settings {
		s.Settings[i] = Setting{Value: r.string(), Stamp: r.nextStamp()}
	}
	if n := r.count(4); n > 0 {
		s.Channels = make([]ChannelValue, n)
	}
	for i := range s.Channels {
		s.Channels[i] = r.channelValue(s.First)
	}
	return s, r.end()
}

func (d *Decoder) key(text []byte) string {
	if known, ok := d.keys[string(text)]; ok {
		return known
	}
	key := string(text)
	if d.keys == nil {
		d.keys = map[string]string{}
	}
	if len(d.keys) < knownKeys {
		d.keys[key] = key
	}
	return key
}

func (r *reader) channelValue(since segment.Instant) ChannelValue {
	c := r.byte()
	if c >= ChannelCount {
		r.failed = true
	}
	v := ChannelValue{Channel: Channel(c), Value: r.string(), First: since + segment.Instant(r.varint())}
	v.Last = v.First + segment.Instant(r.varint())
	return v
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func appendStamp(dst []byte, s eventlog.Stamp) []byte {
	dst = binary.AppendVarint(dst, int64(s.At))
	dst = binary.AppendUvarint(dst, uint64(s.Offset))
	return binary.AppendUvarint(dst, uint64(s.Index))
}

// appendNextStamp appends a stamp that comes after another, and returns it too.
func appendNextStamp(dst []byte, s, last eventlog.Stamp) ([]byte, eventlog.Stamp) {
	if s == last {
		return appendBool(dst, false), s
	}
	return appendStamp(appendBool(dst, true), s), s
}

// reader takes encoded values off data; after the first failure it yields
// zeros, and end reports it.
type reader struct {
	data   []byte
	last   eventlog.Stamp
	failed bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	return v * uint64(r.take(n))
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.data)
	return v * int64(r.take(n))
}

// take drops a varint's n bytes; it returns 1, or 0 on failure.
func (r *reader) take(n int) int {
	if n <= 0 || r.failed {
		r.failed = true
		return 0
	}
	r.data = r.data[n:]
	return 1
}

// count reads a number of members, each of at least size bytes.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.data)/size) {
		r.failed = true
		return 0
	}
	return int(n)
}

func (r *reader) string() string { return string(r.bytes()) }

// bytes shares the memory of data.
func (r *reader) bytes() []byte {
	n := r.count(1)
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.failed = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) bool() bool { return r.byte() == 1 }

func (r *reader) stamp() eventlog.Stamp {
	return eventlog.Stamp{
		At:       segment.Instant(r.varint()),
		Position: eventlog.Position{Offset: eventlog.Offset(r.uvarint()), Index: int32(r.uvarint())},
	}
}

// nextStamp reads what appendNextStamp wrote.
func (r *reader) nextStamp() eventlog.Stamp {
	if r.bool() {
		r.last = r.stamp()
	}
	return r.last
}

func (r *reader) end() error {
	if r.failed || len(r.data) > 0 {
		return ErrCorrupt
	}
	return nil
}
