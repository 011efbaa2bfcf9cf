package projections

import (
	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/mapping"
	"relay/domain/segment"
)

// LinkKinds are the kinds of calls that say which ids are one person's. A
// projection reads them too where its mappings join ids.
const LinkKinds = segment.Alias | segment.Claims

// AddLink takes in what a call says of ids that are one person's, if the mapping
// that holds for it joins ids. It returns about how many bytes that takes. Times
// that cannot be read are no issue here: whoever makes rows of the call notes it.
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
