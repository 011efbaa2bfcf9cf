package sample

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/segment"
	"relay/projections"
)

// If mappings join ids, the rows of a person follow from the calls of all ids that
// links join, and those links can be anywhere in the log. So the ids of a subset's
// people are found first: the log is read for links that name a known id. The links
// may name further ids, and the log is read again for these, until there are none.

// phaseLinking is the phase in which the ids of a sample's people are looked for.
const phaseLinking = "joining ids"

// maxIDs is how many ids a linking may know, other people's included: each takes
// some hundred bytes of memory.
const maxIDs = 10 * MaxSample

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

// addMembers makes the ids members, and the ids that what is served joins to them.
// It does nothing if no mapping joins ids.
func (u *subset) addMembers(ctx context.Context, tx app.Tx, ids []string) (err error) {
	if u.linking == nil {
		return nil
	}
	if u.joinsServed {
		if ids, err = u.sampler.Links.SamePeople(ctx, tx, u.served.ID, ids); err != nil {
			return err
		}
	}
	for _, id := range ids {
		u.linking.members[id] = true
	}
	return nil
}

// completeLinks completes the links, and with them the members, up to the offset.
// It reports whether it also had to read parts of the log that it had read before.
func (u *subset) completeLinks(ctx context.Context, upTo eventlog.Offset, read reading) (reread bool, err error) {
	l := u.linking
	if !u.joinsRebuilt {
		l.upTo = upTo
		return false, nil
	}
	if err := u.readLinks(ctx, eventlog.Range{After: l.upTo, UpTo: upTo}, l.known, read); err != nil {
		return false, err
	}
	for missing := l.grow(); len(missing) > 0; missing = l.grow() {
		reread = true
		maps.Copy(l.known, missing)
		if len(l.known) > maxIDs {
			return reread, fmt.Errorf("the people have more than %d ids: take a smaller sample, or look at everybody", maxIDs)
		}
		if err := u.readLinks(ctx, eventlog.Range{UpTo: upTo}, missing, read); err != nil {
			return reread, err
		}
	}
	l.upTo = upTo
	return reread, nil
}

// readLinks adds the links of a range that name any of the ids.
func (u *subset) readLinks(ctx context.Context, r eventlog.Range, ids map[string]bool, read reading) error {
	if len(ids) == 0 || r.Empty() {
		return nil
	}
	var reader projections.Reader
	u.phase, u.done = phaseLinking, 0
	err := read(ctx, r, projections.LinkKinds, ids, func(e *eventlog.Entry) {
		u.mu.Lock()
		defer u.mu.Unlock()
		reader.Read(e, u.linking.mappings, eachCall(u.linking.add))
	})
	u.phase, u.done = phaseReading, 0
	return err
}
