package projections

import (
	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/mapping"
	"relay/domain/segment"
)

// LinkKinds are the kinds of calls that join ids. A projection reads them too if one
// of its mappings joins ids.
const LinkKinds = segment.Alias | segment.Claims

// AddLink adds the claim or alias of a call, if the mapping that applies to the call
// joins ids. It returns an estimate of the added memory in bytes. It records no
// issue for unreadable times: the fold that makes rows of the call does so.
func AddLink(links *identity.State, e *eventlog.Entry, c *segment.Call, m Mapping) int {
	alias := c.Kind == segment.Alias
	if m.Spec.Identity != mapping.Join || !alias && !c.Claims() {
		return 0
	}
	at, _ := c.ObservedAt(e.ReceivedAt)
	stamp := eventlog.Stamp{At: at, Position: eventlog.Position{Offset: e.Offset, Index: int32(c.Index)}}
	if alias {
		links.Alias(c.PreviousID, c.UserID, stamp)
		return 2 * identity.SizeOf(c.PreviousID, c.UserID)
	}
	links.Claim(c.AnonymousID, c.UserID, stamp)
	return identity.SizeOf(c.AnonymousID, c.UserID)
}
