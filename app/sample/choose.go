package sample

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// chooser chooses the people of a subset, and what is read for them.
type chooser func(ctx context.Context, tx app.Tx, u *subset) error

// newSubset chooses a subset of what is served now. If mappings join ids, it also
// finds all ids of its people.
func (s *Sampler) newSubset(ctx context.Context, p app.Projection, change *app.Replay, choose chooser) (*subset, error) {
	u := &subset{
		sampler: s, store: s.Store, projection: p, change: change, started: time.Now(), phase: phaseReading,
		seen: map[string]bool{}, issuesRebuilt: projections.Issues{}, issuesServed: projections.Issues{},
	}
	err := u.store.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
		if u.history, err = app.ReadHistory(ctx, tx, u.store.Controls); err != nil {
			return err
		}
		if u.served, err = u.store.Generations.Serving(ctx, tx, p.Name); err != nil {
			return err
		}
		if u.joinsServed, u.joinsRebuilt = u.joins(u.served.Checkpoint); u.joinsServed || u.joinsRebuilt {
			u.linking = newLinking(u.mappings(u.change))
		}
		return choose(ctx, tx, u)
	})
	if err != nil || u.linking == nil {
		return u, err
	}
	if _, err := u.completeLinks(ctx, u.served.Checkpoint, u.readInPieces); err != nil {
		return u, err
	}
	if u.people != nil {
		u.people = maps.Clone(u.linking.members)
	}
	return u, nil
}

// choosePerson chooses one person, and everything that is served.
func choosePerson(id string) chooser {
	return func(ctx context.Context, tx app.Tx, u *subset) error {
		u.people = map[string]bool{id: true}
		u.readAll()
		return u.addMembers(ctx, tx, []string{id})
	}
}

// chooseSome chooses about n people. If each row follows from one call, it chooses
// stretches of the log until there are calls of n people; who they are must be
// known before their calls are read only if mappings join ids.
func chooseSome(n int) chooser {
	return func(ctx context.Context, tx app.Tx, u *subset) error {
		if u.projection.PerCall && u.linking == nil {
			u.enough, u.left = n, u.stretches()
			return nil
		}
		people, stretches, err := u.somePeople(ctx, tx, n)
		if err != nil {
			return err
		}
		if u.projection.PerCall {
			u.left = stretches
		} else {
			u.people = people
			u.readAll()
		}
		return u.addMembers(ctx, tx, slices.Collect(maps.Keys(people)))
	}
}

// readAll plans to read the log from its beginning.
func (u *subset) readAll() {
	u.left = u.whole().Without(nil, app.Chunk)
}

const (
	// stretch is how many offsets a stretch of the log has at least.
	stretch = 200
	// mostStretches is into how many stretches a log is cut at most.
	mostStretches = 50_000
)

// stretches cuts the log into stretches, in random order.
func (u *subset) stretches() []eventlog.Range {
	all := u.whole().Without(nil, max(stretch, u.served.Checkpoint/mostStretches))
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// somePeople chooses half of the people from rows, which finds rows that should
// not exist, and half from calls, which finds rows that are missing. It also
// returns the stretches of the log that the calls are from.
func (u *subset) somePeople(ctx context.Context, tx app.Tx, n int) (people map[string]bool, read []eventlog.Range, err error) {
	ids, err := u.havingRows(ctx, tx, n-n/2)
	if err != nil {
		return nil, nil, err
	}
	people = make(map[string]bool, n)
	for _, id := range ids {
		people[id] = true
	}
	for _, r := range u.stretches() {
		if len(people) >= n {
			break
		}
		callers, err := u.callers(ctx, tx, r)
		if err != nil {
			return nil, nil, err
		}
		if !u.projection.PerCall { // else all callers are needed: all their calls in the stretch are compared
			callers = callers[:min(len(callers), n-len(people))]
		}
		for _, id := range callers {
			people[id] = true
		}
		read = append(read, r)
	}
	return people, read, nil
}

// havingRows chooses up to n people who have rows, or ids that have links.
func (u *subset) havingRows(ctx context.Context, tx app.Tx, n int) (ids []string, err error) {
	if !u.projection.PerCall {
		if ids, err = u.projection.Tables.Sampling.SomePeople(ctx, tx, u.served.ID, n); err != nil {
			return nil, err
		}
	}
	if !u.joinsServed {
		return ids, nil
	}
	linked, err := u.sampler.Links.SomeLinked(ctx, tx, u.served.ID, n)
	if err != nil {
		return nil, err
	}
	ids = append(ids, linked...)
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids[:min(len(ids), n)], nil
}

// callers returns the userIds of the calls in a range. If ids are joined, it
// returns all ids of the calls, and those of calls that only link ids.
func (u *subset) callers(ctx context.Context, tx app.Tx, r eventlog.Range) ([]string, error) {
	var reader projections.Reader
	kinds, joined, found := u.projection.Kinds, u.linking != nil, map[string]bool{}
	add := eachCall(func(_ *eventlog.Entry, c *segment.Call, _ projections.Mapping) {
		ids := []string{c.UserID}
		if joined {
			ids = append(ids, c.AnonymousID, c.PreviousID)
		}
		for _, id := range ids {
			if id != "" && (c.Kind.Has(kinds) || joined && (c.Kind == segment.Alias || c.Claims())) {
				found[id] = true
			}
		}
	})
	read := kinds
	if joined {
		read |= projections.LinkKinds
	}
	err := u.store.Log.Read(ctx, tx, r, read, func(e *eventlog.Entry) error {
		reader.Read(e, u.mappings(nil), add)
		return nil
	})
	return slices.Collect(maps.Keys(found)), err
}
