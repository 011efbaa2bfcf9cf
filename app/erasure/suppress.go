package erasure

import (
	"context"
	"fmt"
	"time"

	"relay/app"
)

// SuppressedStore keeps the ids of which ingest drops the calls. It keeps no id as
// it is, only what tells whether a given id is among them. A key is a user id, or
// app.AnonymousKey of an anonymous id.
type SuppressedStore interface {
	// Add adds keys of the person with the user id. Some or all of them may be there
	// already.
	Add(ctx context.Context, id string, keys []string) error
	// Remove removes all keys of each person of whom the id is a key;
	// app.ErrNotFound if there is no such person.
	Remove(ctx context.Context, id string) error
	// RemoveMarked removes all keys of the person with the mark; app.ErrNotFound if
	// there is no such person.
	RemoveMarked(ctx context.Context, mark string) error
	// List returns up to limit suppressed people, the latest first, and how many
	// there are. With keys, only the people who have one of them are listed and
	// counted.
	List(ctx context.Context, keys []string, limit int) ([]SuppressedPerson, int, error)
}

// SuppressedPerson is a person whose calls are dropped. No id is left that could
// be shown.
type SuppressedPerson struct {
	Mark          string     `json:"mark"` // stands for the person, and tells nobody who that is
	IDs           int        `json:"ids"`  // how many the person has
	Since         time.Time  `json:"since"`
	Dropped       int64      `json:"dropped"` // calls; a count that is some seconds old
	LastDroppedAt *time.Time `json:"last_dropped_at"`
}

// ListSuppressed returns up to limit suppressed people, the latest first, and how
// many there are. With an id, only people with that user id or anonymous id are
// listed and counted.
func ListSuppressed(ctx context.Context, store SuppressedStore, id string, limit int) ([]SuppressedPerson, int, error) {
	if id == "" {
		return store.List(ctx, nil, limit)
	}
	return store.List(ctx, []string{id, app.AnonymousKey(id)}, limit)
}

// SuppressedWithin is how long it takes at most until every process that accepts
// requests drops the calls of a newly suppressed person. A process that cannot
// read the suppressed ids in that time cannot append to the log either.
const SuppressedWithin = 2 * time.Second

// Suppressor erases a person and drops the person's later calls.
type Suppressor struct {
	Store     SuppressedStore
	Forgetter *Forgetter
}

// Run suppresses all ids that belong to the person, waits until every process
// knows them, and erases the person; there may be nothing to erase. If the person
// has other ids by then, these are suppressed too.
func (s *Suppressor) Run(ctx context.Context, id string) (Forgotten, error) {
	group, err := s.group(ctx, id)
	if err != nil {
		return Forgotten{}, err
	}
	if err := s.add(ctx, id, group); err != nil {
		return Forgotten{}, err
	}
	app.Wait(ctx, SuppressedWithin) // calls that are accepted until then are erased too
	done, erased, err := s.Forgetter.forget(ctx, task{people: []Person{{ID: id}}, suppressed: true})
	if err != nil || erased[0].equal(group) {
		return done, err
	}
	return done, s.add(ctx, id, erased[0])
}

// group returns the group of a user id, as soon as what is served knows it.
func (s *Suppressor) group(ctx context.Context, id string) (g Group, err error) {
	f := s.Forgetter
	if err := f.awaitLinks(ctx); err != nil {
		return Group{}, err
	}
	err = f.DB.InSnapshot(ctx, func(tx app.Tx) error {
		g, err = servedGroup(ctx, tx, f.Generations, f.Identities, id)
		return err
	})
	return g, err
}

func (s *Suppressor) add(ctx context.Context, id string, g Group) error {
	if err := s.Store.Add(ctx, id, g.suppressionKeys()); err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	return nil
}
