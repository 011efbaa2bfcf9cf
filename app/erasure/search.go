package erasure

import (
	"context"
	"maps"
	"slices"

	"relay/app"
	"relay/app/live"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// limits holds, by id, the last position that is erased; zero: all.
type limits map[string]eventlog.Position

// add adds a limit: what one of several persons' erasures takes goes.
func (l limits) add(id string, upTo eventlog.Position) {
	known, again := l[id]
	if again && (known == eventlog.Position{} || upTo != eventlog.Position{} && known.Compare(upTo) >= 0) {
		return
	}
	l[id] = upTo
}

func (l limits) has(id string) bool {
	_, known := l[id]
	return id != "" && known
}

func (l limits) erases(id string, at eventlog.Position) bool {
	limit := l[id]
	return l.has(id) && (limit == eventlog.Position{} || at.Compare(limit) <= 0)
}

// search finds what an erasure touches.
type search struct {
	*Forgetter
	parser    segment.Parser
	groups    []Group // of the persons, in their order
	users     limits  // by user id
	anonymous limits  // by anonymous id, of calls without a userId
	messages  map[string]bool
	claims    map[string]bool          // anonymous ids that erased calls claimed
	aliases   map[string]bool          // user ids from which erased aliases led
	entries   map[eventlog.Offset]bool // that hold calls of the persons
	later     map[eventlog.Offset]bool // that hold other calls that count for more now, or later ones of the persons
	searched  eventlog.Offset          // up to where
	counts    map[int64]*live.Recount  // by generation, made ahead
}

func newSearch(f *Forgetter, persons []Person, groups []Group) *search {
	s := &search{
		Forgetter: f, groups: groups, users: limits{}, anonymous: limits{},
		messages: map[string]bool{}, claims: map[string]bool{}, aliases: map[string]bool{},
		entries: map[eventlog.Offset]bool{}, later: map[eventlog.Offset]bool{}, counts: map[int64]*live.Recount{},
	}
	for i, p := range persons {
		for _, id := range groups[i].Users {
			s.users.add(id, p.UpTo)
		}
		for _, id := range groups[i].Anonymous {
			s.anonymous.add(id, p.UpTo)
		}
	}
	return s
}

// names returns all ids of the persons.
func (s *search) names() []string {
	return Group{slices.Collect(maps.Keys(s.users)), slices.Collect(maps.Keys(s.anonymous))}.all()
}

// erased says what goes from generations' tables.
func (s *search) erased() app.Erased {
	return app.Erased{
		Users: slices.Sorted(maps.Keys(s.users)), Anonymous: slices.Sorted(maps.Keys(s.anonymous)),
		Claims: slices.Sorted(maps.Keys(s.claims)), Aliases: slices.Sorted(maps.Keys(s.aliases)),
	}
}

// isErased tells whether the call at the index, which is of the ids, goes.
func (s *search) isErased(e *eventlog.Entry, index int, ids segment.CallIDs) bool {
	at := eventlog.Position{Offset: e.Offset, Index: int32(index)}
	return s.users.erases(ids.User, at) || s.users.erases(ids.Previous, at) || s.anonymous.erases(ids.Anonymous, at)
}

// without returns an entry as it is without the calls that go, and how many
// they are.
func (s *search) without(e *eventlog.Entry) (eventlog.Entry, int, error) {
	places, payload, err := s.parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
		return s.isErased(e, part.Index, segment.IDsOf(part))
	})
	left := *e
	if err != nil || len(places) == 0 {
		return left, 0, err
	}
	left.Payload, left.Erased = segment.Cut(e.Payload, payload, e.Erased, places)
	payload, err = s.parser.ParseCut(left.Payload, segment.KindOfRoute(e.Route), left.Erased)
	left.Kinds = payload.Kinds
	return left, len(places), err
}

// isTheirs tells whether a call is of the persons, whether it goes or stays.
func (s *search) isTheirs(ids segment.CallIDs) bool {
	return s.users.has(ids.User) || s.users.has(ids.Previous) || s.anonymous.has(ids.Anonymous)
}

// all searches the log as it stands, piece by piece, so that no snapshot is held
// for long. What counts for more now is known only after all that goes is.
func (s *search) all(ctx context.Context) error {
	var head eventlog.Offset
	err := s.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
		head, err = s.Log.Head(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, look := range []func(context.Context, app.Tx, eventlog.Range) error{s.forCalls, s.forLater} {
		for _, r := range (eventlog.Range{UpTo: head}).Without(nil, app.Chunk) {
			if err := s.DB.InSnapshot(ctx, func(tx app.Tx) error { return look(ctx, tx, r) }); err != nil {
				return err
			}
		}
	}
	s.searched = head
	return nil
}

// through searches what was appended since. It tells whether that names ids whose
// other links may stand in what was searched before.
func (s *search) through(ctx context.Context, tx app.Tx, head eventlog.Offset) (more bool, err error) {
	tail, known := eventlog.Range{After: s.searched, UpTo: head}, len(s.claims)+len(s.aliases)
	if err := s.forCalls(ctx, tx, tail); err != nil {
		return false, err
	}
	if err := s.forLater(ctx, tx, tail); err != nil {
		return false, err
	}
	more = tail.After > 0 && len(s.claims)+len(s.aliases) > known
	s.searched = max(s.searched, head)
	return more, nil
}

// forCalls notes the entries that hold calls of the persons.
func (s *search) forCalls(ctx context.Context, tx app.Tx, r eventlog.Range) error {
	return app.ReadNaming(ctx, tx, s.Log, s.Searcher, r, app.AllKinds, s.names(), func(e *eventlog.Entry) error {
		if e.Kinds.Has(segment.Control) {
			return nil
		}
		stays := false
		places, payload, err := s.parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
			goes := s.isErased(e, part.Index, segment.IDsOf(part))
			stays = stays || !goes && s.isTheirs(segment.IDsOf(part))
			return goes
		})
		if err != nil {
			return err
		}
		if stays {
			s.later[e.Offset] = true
		}
		if len(places) > 0 {
			s.entries[e.Offset] = true
			s.noteErased(e, payload, places)
		}
		return nil
	})
}

// noteErased notes what calls that go stood before: events under their message
// ids, and links from the ids that they led from.
func (s *search) noteErased(e *eventlog.Entry, payload segment.Payload, places []segment.Place) {
	for i := range payload.Calls {
		c := &payload.Calls[i]
		if _, goes := slices.BinarySearchFunc(places, c.Index, func(p segment.Place, index int) int { return p.Index - index }); !goes {
			continue
		}
		if c.Kind.Has(messageKinds) {
			s.messages[projections.MessageID(e, c)] = true
		}
		if c.Claims() {
			s.claims[c.AnonymousID] = true
		}
		if c.Kind == segment.Alias {
			s.claims[c.PreviousID], s.aliases[c.PreviousID] = true, true
		}
	}
}

// forLater notes the entries that hold other calls that count for more now. What
// has the message ids stands after the first erased call; a link that counts
// after an erased one may stand before it.
func (s *search) forLater(ctx context.Context, tx app.Tx, r eventlog.Range) error {
	if len(s.entries) == 0 {
		return nil
	}
	kinds := segment.Kinds(app.AllKinds)
	switch first := slices.Min(slices.Collect(maps.Keys(s.entries))); {
	case len(s.claims)+len(s.aliases) == 0:
		r.After = max(r.After, first-1)
	case r.UpTo < first:
		kinds = projections.LinkKinds
	}
	wanted := slices.Concat(slices.Collect(maps.Keys(s.messages)), slices.Collect(maps.Keys(s.claims))) // aliased ids are claimed too
	if len(wanted) == 0 {
		return nil
	}
	return app.ReadNaming(ctx, tx, s.Log, s.Searcher, r, kinds, wanted, func(e *eventlog.Entry) error {
		payload, err := s.parser.ParseCut(e.Payload, segment.KindOfRoute(e.Route), e.Erased)
		if err != nil {
			return err
		}
		for i := range payload.Calls {
			c := &payload.Calls[i]
			if s.countsForMore(e, c) && !s.isErased(e, c.Index, segment.IDsOfCall(c)) {
				s.later[e.Offset] = true
			}
		}
		return nil
	})
}

// countsForMore tells whether an erased call may have stood before the call.
func (s *search) countsForMore(e *eventlog.Entry, c *segment.Call) bool {
	switch {
	case c.Kind.Has(messageKinds) && s.messages[projections.MessageID(e, c)]:
		return true
	case c.Kind == segment.Alias:
		return s.claims[c.PreviousID]
	}
	return c.Claims() && s.claims[c.AnonymousID]
}

// isLater tells whether a call has to be folded again.
func (s *search) isLater(e *eventlog.Entry, c *segment.Call) bool {
	return s.isTheirs(segment.IDsOfCall(c)) || s.countsForMore(e, c)
}
