package erasure

import (
	"maps"
	"slices"

	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// shadows holds what erased calls may have shadowed: of several calls with one
// message id a single one makes an event, and of several claims on an id, or
// aliases of one, a single one counts.
type shadows struct {
	messages map[string]bool // message ids
	claims   map[string]bool // ids that were claimed, as anonymous ids; all of aliases too
	aliases  map[string]bool // user ids from which aliases led
}

func newShadows() shadows {
	return shadows{messages: map[string]bool{}, claims: map[string]bool{}, aliases: map[string]bool{}}
}

// messageKinds are the kinds of calls of which only one for each message id makes
// an event.
const messageKinds = projections.EventsKinds &^ segment.Unusable

// add adds what an erased call may have shadowed.
func (s shadows) add(e *eventlog.Entry, c *segment.Call) {
	if c.Kind.Has(messageKinds) {
		s.messages[projections.MessageID(e, c)] = true
	}
	if c.Claims() {
		s.claims[c.AnonymousID] = true
	}
	if c.Kind == segment.Alias {
		s.claims[c.PreviousID], s.aliases[c.PreviousID] = true, true
	}
}

// hold reports whether an erased call may have shadowed the call.
func (s shadows) hold(e *eventlog.Entry, c *segment.Call) bool {
	switch {
	case c.Kind.Has(messageKinds) && s.messages[projections.MessageID(e, c)]:
		return true
	case c.Kind == segment.Alias:
		return s.claims[c.PreviousID]
	}
	return c.Claims() && s.claims[c.AnonymousID]
}

// links returns of how many ids claims or aliases may have been shadowed.
func (s shadows) links() int { return len(s.claims) + len(s.aliases) }

// ids returns the message ids and the claimed ids.
func (s shadows) ids() []string {
	return slices.Concat(slices.Collect(maps.Keys(s.messages)), slices.Collect(maps.Keys(s.claims)))
}
