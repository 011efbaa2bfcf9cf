package sample

import (
	"maps"
	"slices"

	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/segment"
	"relay/projections"
)

// linking finds the ids of a subset's people by the links in the log.
type linking struct {
	mappings projections.Mappings
	upTo     eventlog.Offset // the log was read up to here
	// members are the ids of the people: every link in force from a member leads to
	// a member, and every link in force to a member comes from one.
	members map[string]bool
	// known holds the ids of which every link was read. It is larger than members: to
	// decide who owns an id, all claims on it must be read, not a member's alone.
	known map[string]bool
	links identity.State // of the known ids
}

func newLinking(mappings projections.Mappings) *linking {
	return &linking{mappings: mappings, members: map[string]bool{}, known: map[string]bool{}}
}

// add adds the link of a call that names a known id.
func (l *linking) add(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	if l.known[c.UserID] || l.known[c.AnonymousID] || l.known[c.PreviousID] {
		projections.AddLink(&l.links, e, c, m)
	}
}

// grow makes the ids members that links join to members. It returns ids that must
// become known before it can continue: an id that is not known may have an earlier
// link than the one that leads to a member.
func (l *linking) grow() (missing map[string]bool) {
	comingTo := map[string][]string{}
	for _, links := range []identity.Links{l.links.Claims, l.links.Aliases} {
		for id, link := range links {
			comingTo[link.To] = append(comingTo[link.To], id)
		}
	}
	missing = map[string]bool{}
	left := slices.Collect(maps.Keys(l.members))
	join := func(id string) {
		if !l.members[id] {
			l.members[id], left = true, append(left, id)
		}
	}
	for len(left) > 0 {
		id := left[len(left)-1]
		left = left[:len(left)-1]
		if !l.known[id] {
			missing[id] = true
			continue
		}
		for _, link := range []identity.Link{l.links.Claims[id], l.links.Aliases[id]} {
			if link.Exists() {
				join(link.To)
			}
		}
		for _, other := range comingTo[id] {
			if l.known[other] {
				join(other)
			} else {
				missing[other] = true
			}
		}
	}
	return missing
}

// linksOf returns the links from the ids.
func (l *linking) linksOf(ids []string) identity.State {
	s := identity.State{Claims: identity.Links{}, Aliases: identity.Links{}}
	for _, id := range ids {
		s.Claims.Add(id, l.links.Claims[id])
		s.Aliases.Add(id, l.links.Aliases[id])
	}
	return s
}

// people returns how many people the members belong to.
func (l *linking) people() int {
	canonical := l.links.Aliases.Canonical()
	people := map[string]bool{}
	for id := range l.members {
		person := l.links.Owner(id, canonical)
		if person == "" {
			person = canonical.Of(id)
		}
		people[person] = true
	}
	return len(people)
}
