package erasure

import (
	"context"
	"maps"
	"slices"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// search is what was found in the log for an erasure.
type search struct {
	log      app.LogReader
	searcher app.LogSearcher
	parser   segment.Parser

	groups  []Group // of the people, in their order
	scope   scope
	upTo    eventlog.Offset // how far the log was searched
	shadows shadows
	// entries are those that hold calls that go.
	entries map[eventlog.Offset]bool
	// refold are the entries to fold again: an erased call had shadowed a call in
	// them, or they hold calls of the people that stay.
	refold map[eventlog.Offset]bool
	counts map[int64]*count // of the issues of generations, by their ids
}

func newSearch(log app.LogReader, searcher app.LogSearcher, people []Person, groups []Group) *search {
	return &search{
		log: log, searcher: searcher, groups: groups, scope: newScope(people, groups), shadows: newShadows(),
		entries: map[eventlog.Offset]bool{}, refold: map[eventlog.Offset]bool{}, counts: map[int64]*count{},
	}
}

// passes returns the two passes over the log, in their order: only the first one
// knows all calls that go, and so what they had shadowed.
func (s *search) passes() []func(context.Context, app.Tx, eventlog.Range) error {
	return []func(context.Context, app.Tx, eventlog.Range) error{s.findCalls, s.findShadowed}
}

// extend searches from where the search ended up to head. again reports whether
// calls in that tail had shadowed links that may stand before it, so that the
// whole log is to be searched once more.
func (s *search) extend(ctx context.Context, tx app.Tx, head eventlog.Offset) (again bool, err error) {
	tail, known := eventlog.Range{After: s.upTo, UpTo: head}, s.shadows.links()
	for _, pass := range s.passes() {
		if err := pass(ctx, tx, tail); err != nil {
			return false, err
		}
	}
	again = tail.After > 0 && s.shadows.links() > known
	s.upTo = max(s.upTo, head)
	return again, nil
}

// findCalls notes the entries of the range that hold calls of the people.
func (s *search) findCalls(ctx context.Context, tx app.Tx, r eventlog.Range) error {
	return app.ReadNaming(ctx, tx, s.log, s.searcher, r, app.AllKinds, s.scope.ids(), func(e *eventlog.Entry) error {
		if e.Kinds.Has(segment.Control) {
			return nil
		}
		stays := false
		places, payload, err := s.parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
			goes := s.scope.erases(e, part.Index, segment.IDsOf(part))
			stays = stays || !goes && s.scope.covers(segment.IDsOf(part))
			return goes
		})
		if err != nil {
			return err
		}
		if stays {
			s.refold[e.Offset] = true
		}
		if len(places) > 0 {
			s.entries[e.Offset] = true
			s.addShadows(e, payload, places)
		}
		return nil
	})
}

// addShadows notes what the calls at the places, which go, may have shadowed.
func (s *search) addShadows(e *eventlog.Entry, payload segment.Payload, places []segment.Place) {
	for i := range payload.Calls {
		c := &payload.Calls[i]
		_, goes := slices.BinarySearchFunc(places, c.Index, func(p segment.Place, index int) int { return p.Index - index })
		if goes {
			s.shadows.add(e, c)
		}
	}
}

// findShadowed notes the entries of the range that hold calls that erased calls
// may have shadowed.
func (s *search) findShadowed(ctx context.Context, tx app.Tx, r eventlog.Range) error {
	wanted := s.shadows.ids()
	if len(wanted) == 0 {
		return nil
	}
	r, kinds := s.whereShadowed(r)
	return app.ReadNaming(ctx, tx, s.log, s.searcher, r, kinds, wanted, func(e *eventlog.Entry) error {
		payload, err := s.parser.ParseCut(e.Payload, segment.KindOfRoute(e.Route), e.Erased)
		if err != nil {
			return err
		}
		for i := range payload.Calls {
			c := &payload.Calls[i]
			if s.shadows.hold(e, c) && !s.scope.erases(e, c.Index, segment.IDsOfCall(c)) {
				s.refold[e.Offset] = true
			}
		}
		return nil
	})
}

// whereShadowed narrows a range to where shadowed calls can stand. A call with
// the message id of an erased one comes after the first erased call; a shadowed
// link may come before.
func (s *search) whereShadowed(r eventlog.Range) (eventlog.Range, segment.Kinds) {
	first := slices.Min(slices.Collect(maps.Keys(s.entries)))
	switch {
	case s.shadows.links() == 0:
		r.After = max(r.After, first-1)
	case r.UpTo < first:
		return r, projections.LinkKinds
	}
	return r, app.AllKinds
}

// refolds reports whether a call is to be folded again.
func (s *search) refolds(e *eventlog.Entry, c *segment.Call) bool {
	return s.scope.covers(segment.IDsOfCall(c)) || s.shadows.hold(e, c)
}

// without returns the entry as it is once the calls that go are cut out, and how
// many they are. Of an entry that holds none, it returns a copy.
func (s *search) without(e *eventlog.Entry) (left eventlog.Entry, calls int, err error) {
	left = *e
	if !s.entries[e.Offset] {
		return left, 0, nil
	}
	places, payload, err := s.parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
		return s.scope.erases(e, part.Index, segment.IDsOf(part))
	})
	if err != nil || len(places) == 0 {
		return left, 0, err
	}
	left.Payload, left.Erased = segment.Cut(e.Payload, payload, e.Erased, places)
	payload, err = s.parser.ParseCut(left.Payload, segment.KindOfRoute(e.Route), left.Erased)
	left.Kinds = payload.Kinds
	return left, len(places), err
}

// erased says what goes from the tables of generations.
func (s *search) erased() app.Erased {
	return app.Erased{
		Users: slices.Sorted(maps.Keys(s.scope.users)), Anonymous: slices.Sorted(maps.Keys(s.scope.anonymous)),
		Claims: slices.Sorted(maps.Keys(s.shadows.claims)), Aliases: slices.Sorted(maps.Keys(s.shadows.aliases)),
	}
}
