package eventlog

import "relay/domain/segment"

// Entry is one row of the log: an inbound request body, byte for byte, with facts
// that only the request told; or a control entry that relay wrote itself.
type Entry struct {
	Offset     Offset
	ReceivedAt segment.Instant
	Kinds      segment.Kinds
	Source     string // name of the API key
	Route      string // path as posted, without a last slash
	Payload    []byte
	Erased     []int // indexes of calls that were erased from the payload, ascending
}

// Range is a stretch of the log: the offsets in (After, UpTo].
type Range struct {
	After, UpTo Offset
}

// Empty reports whether no offset is in the range.
func (r Range) Empty() bool { return r.UpTo <= r.After }
