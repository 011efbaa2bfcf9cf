package sample

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"relay/app"
	"relay/app/replay"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// subset is a part of a projection under comparison.
type subset struct {
	*Sampler
	projection app.Projection
	replay     *app.Replay // what is to be compared; nil: what is served
	served     app.Generation
	history    app.History

	people map[string]bool // whose rows are compared, by their ids; nil: everybody's
	enough int             // people whose calls suffice; 0: all is read

	joinsServed, joinsRebuilt bool     // whether mappings join ids, on either side
	linking                   *linking // nil: on neither
	linked                    bool     // whether the links were compared

	mu      sync.Mutex
	started time.Time
	phase   string
	left    []eventlog.Range // of the log, to be read
	done    eventlog.Offset  // how many offsets were read
	seen    map[string]bool  // people whose calls were folded
	calls   int64            // that were folded

	ignored, ignoredNow projections.Issues // under what is compared, and under what is served
}

// chooser chooses the people of a subset and what is read for them.
type chooser func(ctx context.Context, tx app.Tx, u *subset) error

func (s *Sampler) begin(ctx context.Context, p app.Projection, replay *app.Replay, choose chooser) (*subset, error) {
	u := &subset{
		Sampler: s, projection: p, replay: replay, started: time.Now(), phase: PhaseReading,
		seen: map[string]bool{}, ignored: projections.Issues{}, ignoredNow: projections.Issues{},
	}
	err := s.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
		if u.history, err = app.ReadHistory(ctx, tx, s.Controls); err != nil {
			return err
		}
		if u.served, err = s.Generations.Serving(ctx, tx, p.Name); err != nil {
			return err
		}
		if u.joinsServed, u.joinsRebuilt = u.joins(u.served.Checkpoint); u.joinsServed || u.joinsRebuilt {
			u.linking = &linking{mappings: u.mappings(u.replay), members: map[string]bool{}, known: map[string]bool{}}
		}
		return choose(ctx, tx, u)
	})
	if err != nil || u.linking == nil {
		return u, err
	}
	if _, err := u.follow(ctx, u.served.Checkpoint, u.readAside); err != nil {
		return u, err
	}
	if u.people != nil {
		u.people = maps.Clone(u.linking.members)
	}
	return u, nil
}

// mappings returns what holds up to what is served, after the replay.
func (u *subset) mappings(replay *app.Replay) projections.Mappings {
	return u.history.Mappings(u.projection.Name, replay).UpTo(u.served.Checkpoint)
}

// joins tells whether mappings join ids up to the offset, those that are served
// and those that are compared with them.
func (u *subset) joins(upTo eventlog.Offset) (served, rebuilt bool) {
	served = u.history.Mappings(u.projection.Name, nil).UpTo(upTo).Joined
	rebuilt = u.history.Mappings(u.projection.Name, u.replay).UpTo(upTo).Joined
	return served, rebuilt
}

// whole is everything that is served.
func (u *subset) whole() eventlog.Range { return eventlog.Range{UpTo: u.served.Checkpoint} }

// readAll plans to read the log from its beginning.
func (u *subset) readAll() {
	u.left = u.whole().Without(nil, app.Chunk)
}

func (u *subset) choosePerson(ctx context.Context, tx app.Tx, id string) error {
	u.people = map[string]bool{id: true}
	u.readAll()
	return u.startWith(ctx, tx, u.ids())
}

// chooseSome chooses about n people, or, where each row follows from one call,
// stretches of the log until there are calls of n people. Whose these are has to
// be known before they are read, where mappings join ids.
func (u *subset) chooseSome(ctx context.Context, tx app.Tx, n int) error {
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
	return u.startWith(ctx, tx, slices.Collect(maps.Keys(people)))
}

// A stretch is as many offsets, or as many as make mostStretches of the log.
const (
	stretch       = 200
	mostStretches = 50_000
)

// stretches cuts the log into stretches, in random order.
func (u *subset) stretches() []eventlog.Range {
	all := u.whole().Without(nil, max(stretch, u.served.Checkpoint/mostStretches))
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// somePeople chooses half of the people from those who have rows, and half from
// calls, so that rows that should not be there can be found, and rows that are
// missing. It returns the stretches of the log too that it chose for the calls.
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
		called, err := u.callers(ctx, tx, r)
		if err != nil {
			return nil, nil, err
		}
		if !u.projection.PerCall { // otherwise all of them have calls in what is compared
			called = called[:min(len(called), n-len(people))]
		}
		for _, id := range called {
			people[id] = true
		}
		read = append(read, r)
	}
	return people, read, nil
}

// havingRows chooses up to n of those who have rows, or links.
func (u *subset) havingRows(ctx context.Context, tx app.Tx, n int) (ids []string, err error) {
	if !u.projection.PerCall {
		if ids, err = u.projection.Tables.Sampling.SomePeople(ctx, tx, u.served.ID, n); err != nil {
			return nil, err
		}
	}
	if !u.joinsServed {
		return ids, nil
	}
	linked, err := u.Links.SomeLinked(ctx, tx, u.served.ID, n)
	if err != nil {
		return nil, err
	}
	ids = append(ids, linked...)
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids[:min(len(ids), n)], nil
}

// callers returns the people who made calls in a range.
func (u *subset) callers(ctx context.Context, tx app.Tx, r eventlog.Range) ([]string, error) {
	var reader projections.Reader
	kinds := u.projection.Kinds
	if u.linking != nil {
		kinds |= projections.LinkKinds
	}
	found := callers{kinds: u.projection.Kinds, joined: u.linking != nil, ids: map[string]bool{}}
	err := u.Log.Read(ctx, tx, r, kinds, func(e *eventlog.Entry) error {
		reader.Read(e, u.mappings(nil), &found)
		return nil
	})
	return slices.Collect(maps.Keys(found.ids)), err
}

// callers are the ids of the people who made calls; joined tells whether all
// their ids are wanted, and those of calls that only link them.
type callers struct {
	quiet
	kinds  segment.Kinds
	joined bool
	ids    map[string]bool
}

// Call implements projections.Fold.
func (l *callers) Call(_ *eventlog.Entry, c *segment.Call, _ projections.Mapping) {
	ids := []string{c.UserID}
	if l.joined {
		ids = append(ids, c.AnonymousID, c.PreviousID)
	}
	for _, id := range ids {
		if id != "" && (c.Kind.Has(l.kinds) || l.joined && (c.Kind == segment.Alias || c.Claims())) {
			l.ids[id] = true
		}
	}
}

// basis is what was folded so far.
func (u *subset) basis() *replay.Basis {
	people := len(u.seen)
	switch {
	case u.people != nil && u.linking != nil:
		people = u.linking.people()
	case u.people != nil:
		people = len(u.people)
	}
	return &replay.Basis{People: people, Calls: u.calls}
}

// ids are the people in order; nil for everybody.
func (u *subset) ids() []string {
	if u.people == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(u.people))
}
