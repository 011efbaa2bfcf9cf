package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"relay/app"
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
	Joins(ctx context.Context, tx app.Tx, generation int64) (bool, error)
	// Group returns the group of a user id: all that any of the generations joins to
	// it. An id that nobody knows is a group of its own.
	Group(ctx context.Context, tx app.Tx, generations []int64, id string) (Group, error)
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
	for began := time.Now(); ; app.Rest(ctx, 50*time.Millisecond) {
		behind := false
		err := f.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
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
// what is served and joins ids has not taken in.
func (f *Forgetter) isBehind(ctx context.Context, tx app.Tx, upTo eventlog.Offset) (behind bool, err error) {
	served, err := serving(ctx, tx, f.Generations)
	for i := 0; err == nil && i < len(served) && !behind; i++ {
		behind, err = f.isLinkBehind(ctx, tx, served[i], upTo)
	}
	return behind, err
}

func (f *Forgetter) isLinkBehind(ctx context.Context, tx app.Tx, served app.Generation, upTo eventlog.Offset) (behind bool, err error) {
	if served.Checkpoint >= upTo {
		return false, nil
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

// serving returns the generations that people query.
func serving(ctx context.Context, tx app.Tx, generations app.Generations) (list []app.Generation, err error) {
	for _, name := range projections.Names() {
		g, err := generations.Serving(ctx, tx, name)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}

func idsOfGenerations(list []app.Generation) (ids []int64) {
	for _, g := range list {
		ids = append(ids, g.ID)
	}
	return ids
}

// groups returns the persons' groups in the generations.
func (f *Forgetter) groups(ctx context.Context, tx app.Tx, generations []int64, persons []Person) ([]Group, error) {
	groups := make([]Group, len(persons))
	for i, p := range persons {
		var err error
		if groups[i], err = f.Identities.Group(ctx, tx, generations, p.ID); err != nil {
			return nil, fmt.Errorf("read whom ids belong to: %w", err)
		}
	}
	return groups, nil
}

// servedGroups returns the persons' groups as they are served.
func (f *Forgetter) servedGroups(ctx context.Context, persons []Person) (groups []Group, err error) {
	err = f.DB.InSnapshot(ctx, func(tx app.Tx) error {
		served, err := serving(ctx, tx, f.Generations)
		if err != nil {
			return err
		}
		groups, err = f.groups(ctx, tx, idsOfGenerations(served), persons)
		return err
	})
	return groups, err
}
