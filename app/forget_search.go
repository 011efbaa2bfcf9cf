package app

import (
	"context"
	"maps"
	"slices"

	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// idsOfPerson returns the ids whose calls are a person's.
func idsOfPerson(id string) []string { return []string{id} }

// idsOf returns the ids that a call is of: its userId, and of an alias both.
func idsOf(part *segment.Part) [2]string {
	ids := [2]string{part.UserID}
	if part.Kind == segment.Alias {
		ids[1] = part.PreviousID
	}
	return ids
}

// search finds what an erasure touches.
type search struct {
	*Forgetter
	parser   segment.Parser
	limits   map[string]eventlog.Position // by id: the last position that is erased; zero: all
	ids      []string
	messages map[string]bool          // under which erased calls stood before later ones
	entries  map[eventlog.Offset]bool // that hold calls of the persons
	later    map[eventlog.Offset]bool // that hold other calls under these message ids, or later ones of the persons
	searched eventlog.Offset          // up to where
	counts   map[int64]*recount       // by generation, made ahead
}

func newSearch(f *Forgetter, persons []Person) *search {
	s := &search{
		Forgetter: f, limits: map[string]eventlog.Position{}, messages: map[string]bool{},
		entries: map[eventlog.Offset]bool{}, later: map[eventlog.Offset]bool{}, counts: map[int64]*recount{},
	}
	for _, p := range persons {
		for _, id := range idsOfPerson(p.ID) {
			s.limits[id] = p.UpTo
		}
	}
	s.ids = slices.Sorted(maps.Keys(s.limits))
	return s
}

// isErased tells whether the call at the index, which is of the ids, goes.
func (s *search) isErased(e *eventlog.Entry, index int, ids [2]string) bool {
	for _, id := range ids {
		limit, known := s.limits[id]
		at := eventlog.Position{Offset: e.Offset, Index: int32(index)}
		if id != "" && known && (limit == eventlog.Position{} || at.Compare(limit) <= 0) {
			return true
		}
	}
	return false
}

// without returns an entry as it is without the calls that go, and how many
// they are.
func (s *search) without(e *eventlog.Entry) (eventlog.Entry, int, error) {
	places, payload, err := s.parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
		return s.isErased(e, part.Index, idsOf(part))
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
func (s *search) isTheirs(ids [2]string) bool {
	_, user := s.limits[ids[0]]
	_, previous := s.limits[ids[1]]
	return ids[0] != "" && user || ids[1] != "" && previous
}

// all searches the log as it stands, piece by piece, so that no snapshot is held
// for long. What has the erased calls' message ids stands after the first of
// them.
func (s *search) all(ctx context.Context) error {
	var head eventlog.Offset
	err := s.DB.InSnapshot(ctx, func(tx Tx) (err error) {
		head, err = s.Log.Head(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, look := range []func(context.Context, Tx, eventlog.Range) error{s.forCalls, s.forMessages} {
		for _, r := range (eventlog.Range{UpTo: head}).Without(nil, chunk) {
			if err := s.DB.InSnapshot(ctx, func(tx Tx) error { return look(ctx, tx, r) }); err != nil {
				return err
			}
		}
	}
	s.searched = head
	return nil
}

// through searches what was appended since.
func (s *search) through(ctx context.Context, tx Tx, head eventlog.Offset) error {
	tail := eventlog.Range{After: s.searched, UpTo: head}
	if err := s.forCalls(ctx, tx, tail); err != nil {
		return err
	}
	if err := s.forMessages(ctx, tx, tail); err != nil {
		return err
	}
	s.searched = max(s.searched, head)
	return nil
}

// forCalls notes the entries that hold calls of the persons.
func (s *search) forCalls(ctx context.Context, tx Tx, r eventlog.Range) error {
	return readNaming(ctx, tx, s.Log, s.Eraser, r, allKinds, s.ids, func(e *eventlog.Entry) error {
		if e.Kinds.Has(segment.Control) {
			return nil
		}
		stays := false
		places, payload, err := s.parser.Select(e.Payload, segment.KindOfRoute(e.Route), e.Erased, func(part *segment.Part) bool {
			goes := s.isErased(e, part.Index, idsOf(part))
			stays = stays || !goes && s.isTheirs(idsOf(part))
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
			s.noteMessages(e, payload, places)
		}
		return nil
	})
}

func (s *search) noteMessages(e *eventlog.Entry, payload segment.Payload, places []segment.Place) {
	for i := range payload.Calls {
		c := &payload.Calls[i]
		_, goes := slices.BinarySearchFunc(places, c.Index, func(p segment.Place, index int) int { return p.Index - index })
		if goes && c.Kind.Has(messageKinds) {
			s.messages[projections.MessageID(e, c)] = true
		}
	}
}

// forMessages notes the entries that hold other calls under the message ids.
func (s *search) forMessages(ctx context.Context, tx Tx, r eventlog.Range) error {
	if len(s.messages) == 0 {
		return nil
	}
	r.After = max(r.After, slices.Min(slices.Collect(maps.Keys(s.entries)))-1)
	return readNaming(ctx, tx, s.Log, s.Eraser, r, allKinds, slices.Collect(maps.Keys(s.messages)), func(e *eventlog.Entry) error {
		payload, err := s.parser.ParseCut(e.Payload, segment.KindOfRoute(e.Route), e.Erased)
		if err != nil {
			return err
		}
		for i := range payload.Calls {
			c := &payload.Calls[i]
			if c.Kind.Has(messageKinds) && s.messages[projections.MessageID(e, c)] && !s.isErased(e, c.Index, [2]string{c.UserID}) {
				s.later[e.Offset] = true
			}
		}
		return nil
	})
}

// isLater tells whether a call has to be folded again.
func (s *search) isLater(e *eventlog.Entry, c *segment.Call) bool {
	return s.isTheirs([2]string{c.UserID}) || c.Kind.Has(messageKinds) && s.messages[projections.MessageID(e, c)]
}
