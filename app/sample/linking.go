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

// Where mappings join ids, the rows of a person follow from the calls of all
// ids that links join, and those links can be anywhere in the log. So the ids of
// a subset's people are found first: the log is read for links that name those
// that are known of, which can tell of others, for which it is read again.

// PhaseLinking is when the ids of a sample's people are looked for in the log.
const PhaseLinking = "joining ids"

// maxIDs is how many ids the people of a subset may have, those included that
// turn out to be others': each takes some hundred bytes of memory.
const maxIDs = 10 * MaxSample

// linking is what the log says of the ids of a subset's people.
type linking struct {
	quiet
	mappings projections.Mappings
	upTo     eventlog.Offset // of the log, is taken in
	// members are the ids of the people: what counts of links from and to one of
	// them leads to and comes from others.
	members map[string]bool
	// known are the ids whose links are all in links. More than the members: whose
	// an id is that a member claims follows from all that claim it.
	known map[string]bool
	links identity.State
}

// Call implements projections.Fold: links count that name a known id.
func (l *linking) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	if l.known[c.UserID] || l.known[c.AnonymousID] || l.known[c.PreviousID] {
		projections.AddLink(&l.links, e, c, m)
	}
}

// grow takes in as members what links join to members, and returns the ids that
// have to be known to go on. An id that is not known may have an earlier link
// than the one that leads to a member.
func (l *linking) grow() (missing map[string]bool) {
	behind := map[string][]string{}
	for _, links := range []identity.Links{l.links.Claims, l.links.Aliases} {
		for id, link := range links {
			behind[link.To] = append(behind[link.To], id)
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
		for _, other := range behind[id] {
			if l.known[other] {
				join(other)
			} else {
				missing[other] = true
			}
		}
	}
	return missing
}

// of returns the links from the ids.
func (l *linking) of(ids []string) identity.State {
	s := identity.State{Claims: identity.Links{}, Aliases: identity.Links{}}
	for _, id := range ids {
		s.Claims.Add(id, l.links.Claims[id])
		s.Aliases.Add(id, l.links.Aliases[id])
	}
	return s
}

// people returns how many people the members are.
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

// startWith makes the ids members, and those that are served as the same people's,
// where ids are joined.
func (u *subset) startWith(ctx context.Context, tx app.Tx, ids []string) (err error) {
	if u.linking == nil {
		return nil
	}
	if u.joinsServed {
		if ids, err = u.Links.SamePeople(ctx, tx, u.served.ID, ids); err != nil {
			return err
		}
	}
	for _, id := range ids {
		u.linking.members[id] = true
	}
	return nil
}

// follow completes the links up to the offset, and with them the members. It
// tells whether there was more to read than what came since.
func (u *subset) follow(ctx context.Context, upTo eventlog.Offset, read reading) (again bool, err error) {
	l := u.linking
	if !u.joinsRebuilt {
		l.upTo = upTo
		return false, nil
	}
	if err := u.readLinks(ctx, eventlog.Range{After: l.upTo, UpTo: upTo}, l.known, read); err != nil {
		return false, err
	}
	for missing := l.grow(); len(missing) > 0; missing = l.grow() {
		again = true
		maps.Copy(l.known, missing)
		if len(l.known) > maxIDs {
			return again, fmt.Errorf("the people have more than %d ids: take a smaller sample, or look at everybody", maxIDs)
		}
		if err := u.readLinks(ctx, eventlog.Range{UpTo: upTo}, missing, read); err != nil {
			return again, err
		}
	}
	l.upTo = upTo
	return again, nil
}

// readLinks takes in the links of a range that name any of the ids.
func (u *subset) readLinks(ctx context.Context, r eventlog.Range, ids map[string]bool, read reading) error {
	if len(ids) == 0 || r.Empty() {
		return nil
	}
	var reader projections.Reader
	u.phase, u.done = PhaseLinking, 0
	err := read(ctx, r, projections.LinkKinds, ids, func(e *eventlog.Entry) {
		u.mu.Lock()
		defer u.mu.Unlock()
		reader.Read(e, u.linking.mappings, u.linking)
	})
	u.phase, u.done = PhaseReading, 0
	return err
}

// catchUp takes in what was served since the subset was chosen, again where that
// took long: what is left is read while the database keeps a snapshot.
func (u *subset) catchUp(ctx context.Context, b *batch) error {
	for range 3 {
		var served app.Generation
		err := u.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
			served, err = u.stillServing(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		if again, err := u.advance(ctx, b, served, u.readAside); err != nil || !again {
			return err
		}
	}
	return nil
}

// advance completes the links, and people's states in the batch, to what is
// served, and tells whether there was more to read than what came since.
func (u *subset) advance(ctx context.Context, b *batch, served app.Generation, read reading) (again bool, err error) {
	if u.linking != nil {
		if again, err = u.follow(ctx, served.Checkpoint, read); err != nil {
			return again, err
		}
	}
	if u.projection.PerCall {
		return again, nil
	}
	rest := eventlog.Range{After: u.served.Checkpoint, UpTo: served.Checkpoint}
	if err := u.foldOf(ctx, b, rest, u.people, read); err != nil {
		return again, err
	}
	u.served = served
	if u.linking == nil {
		return again, nil
	}
	fresh := maps.Clone(u.linking.members)
	maps.DeleteFunc(fresh, func(id string, _ bool) bool { return u.people[id] })
	maps.Copy(u.people, fresh)
	return again, u.foldOf(ctx, b, u.whole(), fresh, read)
}

// foldOf adds the calls of some people in a range to the batch.
func (u *subset) foldOf(ctx context.Context, b *batch, r eventlog.Range, ids map[string]bool, read reading) error {
	if len(ids) == 0 || r.Empty() {
		return nil
	}
	b.want(ids)
	return read(ctx, r, u.projection.Kinds, ids, func(e *eventlog.Entry) { u.fold(b, e) })
}
