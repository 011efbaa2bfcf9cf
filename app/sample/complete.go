package sample

import (
	"context"
	"fmt"
	"maps"

	"relay/app"
	"relay/domain/eventlog"
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
