package erasure

import (
	"context"
	"fmt"
	"slices"

	"relay/app"
)

// Group is the ids that belong to one person as the person is served, each list
// in order. Where no mapping joins ids, a group is one user id.
type Group struct {
	Users     []string
	Anonymous []string // anonymous ids that the person owns
}

// all returns every id of the group, each once.
func (g Group) all() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(g.Users, g.Anonymous))))
}

func (g Group) equal(h Group) bool {
	return slices.Equal(g.Users, h.Users) && slices.Equal(g.Anonymous, h.Anonymous)
}

// suppressionKeys returns the keys by which ingest knows the group's calls.
func (g Group) suppressionKeys() []string {
	keys := slices.Clone(g.Users)
	for _, id := range g.Anonymous {
		keys = append(keys, app.AnonymousKey(id))
	}
	return keys
}

// Identities knows which ids belong to one person.
type Identities interface {
	// Joins reports whether a generation keeps links between ids.
	Joins(ctx context.Context, tx app.Tx, generation int64) (bool, error)
	// Group returns the group of a user id: all ids that any of the generations
	// joins to it. An unknown id is a group of its own.
	Group(ctx context.Context, tx app.Tx, generations []int64, id string) (Group, error)
}

// groupsOf returns the people's groups in the generations, in the people's order.
func groupsOf(ctx context.Context, tx app.Tx, identities Identities, generations []int64, people []Person) ([]Group, error) {
	groups := make([]Group, len(people))
	for i, p := range people {
		var err error
		if groups[i], err = identities.Group(ctx, tx, generations, p.ID); err != nil {
			return nil, fmt.Errorf("read which ids belong together: %w", err)
		}
	}
	return groups, nil
}

// servedGroup returns the group of a user id as it is served.
func servedGroup(ctx context.Context, tx app.Tx, generations app.Generations, identities Identities, id string) (Group, error) {
	served, err := generations.AllServing(ctx, tx)
	if err != nil {
		return Group{}, err
	}
	groups, err := groupsOf(ctx, tx, identities, idsOf(served), []Person{{ID: id}})
	if err != nil {
		return Group{}, err
	}
	return groups[0], nil
}

func idsOf(generations []app.Generation) (ids []int64) {
	for _, g := range generations {
		ids = append(ids, g.ID)
	}
	return ids
}
