// Package projections holds the pure folds from the log to what people query.
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

// RulesVersion numbers what payloads mean. It is kept with each generation; a
// generation of another version has to be rebuilt from the beginning.
//
// 1: the first.
const RulesVersion = 1

// The projections' names, as the command line and the timeline know them.
const (
	Profiles = "profiles"
	Events   = "events"
)

// Names lists all projections.
func Names() []string { return []string{Profiles, Events} }

// Mapping is a mapping version in force.
type Mapping struct {
	Version int
	Spec    *mapping.Spec
	// Joined reports whether any version joins ids, as Mappings.Joined does.
	Joined bool
}

// Fold takes in calls, in any order, and holds what they amount to.
type Fold interface {
	// Call takes one usable call of the entry under the mapping that holds for
	// it. Nothing of e or c is kept.
	Call(e *eventlog.Entry, c *segment.Call, m Mapping)
	// Reject takes n calls that no projection can use, for the reason of the code.
	Reject(e *eventlog.Entry, code string, n int)
	// Ignored returns what the fold had to ignore so far.
	Ignored() Issues
	// Size is about how many bytes the fold holds.
	Size() int
}

// Mappings tells which mapping holds where.
type Mappings struct {
	Timeline mapping.Timeline
	Specs    map[int]*mapping.Spec
	// Joined reports whether any version joins ids that begins to hold before the
	// end of what is folded. Then calls of every offset count for more.
	Joined bool
}

// UpTo returns the mappings for folding the log up to the offset.
func (m Mappings) UpTo(o eventlog.Offset) Mappings {
	m.Joined = slices.ContainsFunc(m.Timeline.Spans(), func(s mapping.Span) bool {
		return s.From <= o && m.Specs[s.Version].Identity == mapping.Join
	})
	return m
}

// At returns the mapping that holds for the offset.
func (m Mappings) At(o eventlog.Offset) Mapping {
	version := m.Timeline.At(o)
	return Mapping{Version: version, Spec: m.Specs[version], Joined: m.Joined}
}

// Reader parses entries and hands their calls to a fold. It is reusable and not
// for concurrent use.
type Reader struct {
	parser segment.Parser
}

// Read hands the calls of one entry to the fold. It returns how many calls the
// payload held. Control entries hold none, and erased calls are passed over.
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
