package erasure

import (
	"context"
	"fmt"
	"slices"
	"time"

	"relay/app"
)

// SuppressedStore keeps whose calls are dropped, not by their ids but by what
// only tells whether a given id is among them. A key is a user id, or what
// anonymousKey makes of an anonymous id.
type SuppressedStore interface {
	// Add adds keys of the person. Some, or all, may be there already.
	Add(ctx context.Context, id string, keys []string) error
	// Remove removes all that was added for the persons among whose keys the id is;
	// ErrNotFound if there are none.
	Remove(ctx context.Context, id string) error
	// RemoveMarked removes all that was added for one person; ErrNotFound if nothing
	// has that mark.
	RemoveMarked(ctx context.Context, mark string) error
	// List returns who is suppressed, the last ones first and up to limit, and how
	// many there are; with keys, only those who have one of them.
	List(ctx context.Context, keys []string, limit int) ([]SuppressedPerson, int, error)
}

// SuppressedPerson is a person whose calls are dropped. Of the id nothing is left
// that could be shown: the mark stands for it, and only tells two persons apart.
type SuppressedPerson struct {
	Mark          string     `json:"mark"`
	IDs           int        `json:"ids"` // how many are the person's
	Since         time.Time  `json:"since"`
	Dropped       int64      `json:"dropped"` // calls, to within some seconds
	LastDroppedAt *time.Time `json:"last_dropped_at"`
}

// ListSuppressed returns who is suppressed, the last ones first and up to limit,
// and how many there are; with an id, only those whose it is, be it a user id or
// an anonymous one.
func ListSuppressed(ctx context.Context, store SuppressedStore, id string, limit int) ([]SuppressedPerson, int, error) {
	if id == "" {
		return store.List(ctx, nil, limit)
	}
	return store.List(ctx, []string{id, app.AnonymousKey(id)}, limit)
}

// keys returns what calls of the group are known by at the door.
func (g Group) keys() []string {
	keys := slices.Clone(g.Users)
	for _, id := range g.Anonymous {
		keys = append(keys, app.AnonymousKey(id))
	}
	return keys
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

// Run suppresses the person, with all ids that are known to be the person's, and
// then erases what is there; there may be nothing. Ids that became the person's
// in between are suppressed after that.
func (s *Suppressor) Run(ctx context.Context, id string) (Forgotten, error) {
	persons := []Person{{ID: id}}
	if err := s.Forgetter.awaitLinks(ctx); err != nil {
		return Forgotten{}, err
	}
	groups, err := s.Forgetter.servedGroups(ctx, persons)
	if err != nil {
		return Forgotten{}, err
	}
	if err := s.add(ctx, id, groups[0]); err != nil {
		return Forgotten{}, err
	}
	app.Rest(ctx, SuppressedWithin) // what a door let in until then is erased too
	done, erased, err := s.Forgetter.forget(ctx, persons, true, nil)
	if err != nil || erased[0].equal(groups[0]) {
		return done, err
	}
	return done, s.add(ctx, id, erased[0])
}

func (s *Suppressor) add(ctx context.Context, id string, g Group) error {
	if err := s.Store.Add(ctx, id, g.keys()); err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	return nil
}
