// Package projections holds the folds from the log to profiles and events.
//
// A fold is deterministic: it sees entries, calls and mappings, and no clock,
// no randomness, no I/O. The same entries give the same result whether they are
// folded live, in a replay, in one piece or in many that are merged.
package projections

import (
	"slices"

	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/domain/segment"
)

// RulesVersion numbers the projection rules. Each generation keeps the number it was
// built with; a generation of another number has to be rebuilt from the beginning.
//
// 1: the first.
const RulesVersion = 1

// The projections' names, as the command line and the timeline know them.
const (
	Profiles = "profiles"
	Events   = "events"
)

// Mapping is the mapping version that applies to an entry.
type Mapping struct {
	Version int
	Spec    *mapping.Spec
	// Joined reports whether any version joins ids, as Mappings.Joined does.
	Joined bool
}

// Fold accepts calls in any order, and holds the result. It is deterministic: it uses
// no clock, no randomness and no I/O.
type Fold interface {
	// Call adds one usable call of the entry, under the mapping that applies to the
	// entry. It keeps no reference to e or c.
	Call(e *eventlog.Entry, c *segment.Call, m Mapping)
	// Reject adds n unusable calls of the entry; code says why they are unusable.
	Reject(e *eventlog.Entry, code string, n int)
	// Ignored returns the issues so far.
	Ignored() Issues
	// Size estimates the memory of the fold in bytes.
	Size() int
}

// Mappings says which mapping applies to which entry.
type Mappings struct {
	Timeline mapping.Timeline
	Specs    map[int]*mapping.Spec
	// Joined reports whether any version joins ids that comes into force before
	// the end of the folded range. Then ids are joined in calls of every offset.
	Joined bool
}

// UpTo returns the mappings for folding the log up to the offset.
func (m Mappings) UpTo(o eventlog.Offset) Mappings {
	m.Joined = slices.ContainsFunc(m.Timeline.Spans(), func(s mapping.Span) bool {
		return s.From <= o && m.Specs[s.Version].Identity == mapping.Join
	})
	return m
}

// At returns the mapping that applies to the offset.
func (m Mappings) At(o eventlog.Offset) Mapping {
	version := m.Timeline.At(o)
	return Mapping{Version: version, Spec: m.Specs[version], Joined: m.Joined}
}

// Reader parses entries and hands their calls to a fold. It is reusable and not
// for concurrent use.
type Reader struct {
	parser segment.Parser
}

// Read hands the calls of one entry to the fold and returns the number of calls in
// the payload. Control entries have no calls; erased calls are skipped.
func (r *Reader) Read(e *eventlog.Entry, mappings Mappings, fold Fold) int {
	if e.Kinds.Has(segment.Control) {
		return 0
	}
	payload, err := r.parser.ParseCut(e.Payload, segment.KindOfRoute(e.Route), e.Erased)
	if err != nil {
		fold.Ignored().Add(e, "unreadable_payload", err.Error())
		return 0
	}
	m := mappings.At(e.Offset)
	for i := range payload.Calls {
		fold.Call(e, &payload.Calls[i], m)
	}
	for _, rejection := range payload.Rejected {
		fold.Reject(e, rejection.Code, 1)
	}
	for code, n := range payload.Unlisted {
		fold.Reject(e, code, n)
	}
	return payload.Total
}
