package app

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"relay/domain/eventlog"
	"relay/projections"
)

// subset is a part of a projection under comparison.
type subset struct {
	*Sampler
	projection Projection
	replay     *Replay // what is to be compared; nil: what is served
	served     Generation
	history    History

	people map[string]bool // whose rows are compared; nil: everybody's
	search string          // the one of people whom the log is searched for; empty: it is read
	enough int             // people whose calls suffice; 0: all is read

	mu      sync.Mutex
	started time.Time
	left    []eventlog.Range // of the log, to be read
	done    eventlog.Offset  // how many offsets were read
	seen    map[string]bool  // people whose calls were folded
	calls   int64            // that were folded

	ignored, ignoredNow projections.Issues // under what is compared, and under what is served
}

// chooser chooses the people of a subset and what is read for them.
type chooser func(ctx context.Context, tx Tx, u *subset) error

func (s *Sampler) begin(ctx context.Context, p Projection, replay *Replay, choose chooser) (*subset, error) {
	u := &subset{
		Sampler: s, projection: p, replay: replay, started: time.Now(),
		seen: map[string]bool{}, ignored: projections.Issues{}, ignoredNow: projections.Issues{},
	}
	err := s.DB.InSnapshot(ctx, func(tx Tx) (err error) {
		if u.history, err = ReadHistory(ctx, tx, s.Controls); err != nil {
			return err
		}
		if u.served, err = s.Generations.Serving(ctx, tx, p.Name); err != nil {
			return err
		}
		if err := u.joinsNoIDs(u.served.Checkpoint); err != nil {
			return err
		}
		return choose(ctx, tx, u)
	})
	return u, err
}

// joinsNoIDs returns ErrNoIdentity if a mapping joins ids up to the offset.
func (u *subset) joinsNoIDs(upTo eventlog.Offset) error {
	for _, replay := range []*Replay{nil, u.replay} {
		if u.history.Mappings(u.projection.Name, replay).UpTo(upTo).Joined {
			return ErrNoIdentity
		}
	}
	return nil
}

// whole is everything that is served.
func (u *subset) whole() eventlog.Range { return eventlog.Range{UpTo: u.served.Checkpoint} }

// readAll plans to read the log from its beginning.
func (u *subset) readAll() {
	u.left = u.whole().Without(nil, chunk)
}

func (u *subset) choosePerson(id string) {
	u.people, u.search = map[string]bool{id: true}, id
	u.readAll()
}

// chooseSome chooses about n people, or, where each row follows from one call,
// stretches of the log until there are calls of n people.
func (u *subset) chooseSome(ctx context.Context, tx Tx, n int) (err error) {
	if u.projection.PerCall {
		u.enough, u.left = n, u.stretches()
		return nil
	}
	u.people, err = u.somePeople(ctx, tx, n)
	u.readAll()
	return err
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
// missing.
func (u *subset) somePeople(ctx context.Context, tx Tx, n int) (map[string]bool, error) {
	ids, err := u.People.SomePeople(ctx, tx, u.served.ID, n-n/2)
	if err != nil {
		return nil, err
	}
	people := make(map[string]bool, n)
	for _, id := range ids {
		people[id] = true
	}
	for _, r := range u.stretches() {
		if len(people) >= n {
			break
		}
		called, err := u.callers(ctx, tx, r)
		if err != nil {
			return nil, err
		}
		for _, id := range called[:min(len(called), n-len(people))] {
			people[id] = true
		}
	}
	return people, nil
}

// callers returns the people who made calls in a range.
func (u *subset) callers(ctx context.Context, tx Tx, r eventlog.Range) ([]string, error) {
	var reader projections.Reader
	mappings := u.history.Mappings(u.projection.Name, nil)
	found := u.tally(u.projection.fold())
	err := u.Log.Read(ctx, tx, r, u.projection.Kinds, func(e *eventlog.Entry) error {
		reader.Read(e, mappings, found)
		return nil
	})
	return slices.Collect(maps.Keys(found.people)), err
}

// basis is what was folded so far.
func (u *subset) basis() *Basis {
	people := len(u.seen)
	if u.people != nil {
		people = len(u.people)
	}
	return &Basis{People: people, Calls: u.calls}
}

// ids are the people in order; nil for everybody.
func (u *subset) ids() []string {
	if u.people == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(u.people))
}
