package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"relay/domain/eventlog"
	"relay/projections"
)

// Group is the ids that what is served joins to one person, each list in order.
// Where no mapping joins ids it is the one user id.
type Group struct {
	Users     []string
	Anonymous []string // that the person owns
}

// all returns every id of the group, each once.
func (g Group) all() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(g.Users, g.Anonymous))))
}

func (g Group) equal(h Group) bool {
	return slices.Equal(g.Users, h.Users) && slices.Equal(g.Anonymous, h.Anonymous)
}

// Identities tells which ids are one person's.
type Identities interface {
	// Joins tells whether a generation keeps what joins ids.
	Joins(ctx context.Context, tx Tx, generation int64) (bool, error)
	// Group returns the group of a user id in a generation of profiles; one that
	// nobody knows is a group of its own.
	Group(ctx context.Context, tx Tx, generation int64, id string) (Group, error)
}

// ErrBehind is returned where whom ids belong to cannot be told yet.
var ErrBehind = errors.New("the live projections have not taken in yet what the log says of whose ids are whose: see that relay serve runs, and try again")

// groupPatience is how long live projections may take to take in what the log
// says of ids.
const groupPatience = 30 * time.Second

// awaitLinks waits until what is served knows all that the log says of ids now,
// if it joins ids at all.
func (f *Forgetter) awaitLinks(ctx context.Context) error {
	var head eventlog.Offset
	patience := f.Patience
	if patience == 0 {
		patience = groupPatience
	}
	for began := time.Now(); ; rest(ctx, 50*time.Millisecond) {
		behind := false
		err := f.DB.InSnapshot(ctx, func(tx Tx) (err error) {
			if head == 0 {
				if head, err = f.Log.Head(ctx, tx); err != nil {
					return err
				}
			}
			behind, err = f.isBehind(ctx, tx, head)
			return err
		})
		switch {
		case err != nil || !behind:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(began) >= patience:
			return ErrBehind
		}
	}
}

// isBehind tells whether the log says something of ids, up to the offset, that
// the served profiles have not taken in.
func (f *Forgetter) isBehind(ctx context.Context, tx Tx, upTo eventlog.Offset) (behind bool, err error) {
	served, err := f.Generations.Serving(ctx, tx, projections.Profiles)
	if err != nil || served.Checkpoint >= upTo {
		return false, err
	}
	if joins, err := f.Identities.Joins(ctx, tx, served.ID); err != nil || !joins {
		return false, err
	}
	err = f.Log.Read(ctx, tx, eventlog.Range{After: served.Checkpoint, UpTo: upTo}, projections.LinkKinds, func(*eventlog.Entry) error {
		return ErrBehind
	})
	if errors.Is(err, ErrBehind) {
		return true, nil
	}
	return false, err
}

// groups returns the persons' groups in a generation of profiles.
func (f *Forgetter) groups(ctx context.Context, tx Tx, generation int64, persons []Person) ([]Group, error) {
	groups := make([]Group, len(persons))
	for i, p := range persons {
		var err error
		if groups[i], err = f.Identities.Group(ctx, tx, generation, p.ID); err != nil {
			return nil, fmt.Errorf("read whom ids belong to: %w", err)
		}
	}
	return groups, nil
}

// servedGroups returns the persons' groups as they are served.
func (f *Forgetter) servedGroups(ctx context.Context, persons []Person) (groups []Group, err error) {
	err = f.DB.InSnapshot(ctx, func(tx Tx) error {
		served, err := f.Generations.Serving(ctx, tx, projections.Profiles)
		if err != nil {
			return err
		}
		groups, err = f.groups(ctx, tx, served.ID, persons)
		return err
	})
	return groups, err
}
