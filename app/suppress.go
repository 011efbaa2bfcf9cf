package app

import (
	"context"
	"fmt"
	"time"

	"relay/domain/segment"
)

// Suppressed tells whose calls are dropped at the door. It answers from memory.
type Suppressed interface {
	// Any tells whether there is anybody.
	Any() bool
	// Drops tells whether calls of the id are dropped, and counts the call if so.
	Drops(id string) bool
}

// SuppressedStore keeps whose calls are dropped, not by their ids but by what
// only tells whether a given id is among them.
type SuppressedStore interface {
	// Add may be called for one who is there already.
	Add(ctx context.Context, id string) error
	// Remove returns ErrNotFound for one who is not there.
	Remove(ctx context.Context, id string) error
}

// SuppressedWithin is how soon every door knows of a person who is suppressed,
// unless it cannot reach the database, when it takes nothing in.
const SuppressedWithin = 2 * time.Second

// Suppressor erases a person for good: what is sent of them from then on is
// dropped.
type Suppressor struct {
	Store     SuppressedStore
	Forgetter *Forgetter
}

// Run suppresses the person and then erases what is there; there may be nothing.
func (s *Suppressor) Run(ctx context.Context, id string) (Forgotten, error) {
	if err := s.Forgetter.refuseJoined(ctx); err != nil {
		return Forgotten{}, err
	}
	if err := s.Store.Add(ctx, id); err != nil {
		return Forgotten{}, fmt.Errorf("suppress: %w", err)
	}
	rest(ctx, SuppressedWithin) // what a door let in until then is erased too
	return s.Forgetter.Forget(ctx, []Person{{ID: id}}, true, nil)
}

// parse parses a payload, and cuts out the calls of people who are suppressed.
func (i *Ingest) parse(parser *segment.Parser, in *Inbound) (payload segment.Payload, erased []int, err error) {
	if i.Suppressed == nil || !i.Suppressed.Any() {
		payload, err = parser.Parse(in.Body, in.PathKind)
		return payload, nil, err
	}
	places, payload, err := parser.Select(in.Body, in.PathKind, nil, func(part *segment.Part) bool {
		for _, id := range idsOf(part) {
			if id != "" && i.Suppressed.Drops(id) {
				return true
			}
		}
		return false
	})
	if err != nil || len(places) == 0 {
		return payload, nil, err
	}
	total := payload.Total
	in.Body, erased = segment.Cut(in.Body, payload, nil, places)
	payload, err = parser.ParseCut(in.Body, in.PathKind, erased)
	payload.Total, payload.Erased = total, len(erased)
	return payload, erased, err
}
