package tables

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/erasure"
)

// Identities tells which ids a generation joins, from its links.
type Identities struct{}

var _ erasure.Identities = Identities{}

// Joins implements erasure.Identities.
func (Identities) Joins(ctx context.Context, tx app.Tx, generation int64) (bool, error) {
	return JoinsIDs(ctx, tx, generation)
}

// groupSQL finds the ids that lead to what stands for a user id.
//
// Plan: the aliases' and the claims' indexes by distinct_id.
const groupSQL = `WITH person(id) AS (
    SELECT coalesce((SELECT distinct_id FROM relay_store.aliases_g<generation> WHERE id = $1), $1)
)
SELECT ARRAY(SELECT id FROM person
             UNION SELECT a.id FROM relay_store.aliases_g<generation> a WHERE a.distinct_id = (SELECT id FROM person)),
       ARRAY(SELECT c.id FROM relay_store.claims_g<generation> c WHERE c.distinct_id = (SELECT id FROM person))`

// Group implements erasure.Identities. Ids that one generation joins may lead to more
// in another.
func (Identities) Group(ctx context.Context, tx app.Tx, generations []int64, id string) (erasure.Group, error) {
	joining, err := joiningOf(ctx, tx, generations)
	users, anonymous := map[string]bool{id: true}, map[string]bool{}
	known := map[int64]map[string]bool{} // users of each generation whose groups were read
	for waiting := []string{id}; err == nil && len(waiting) > 0; waiting = waiting[1:] {
		for _, generation := range joining {
			if known[generation][waiting[0]] {
				continue
			}
			var g erasure.Group
			if g, err = groupIn(ctx, tx, generation, waiting[0]); err != nil {
				break
			}
			known[generation] = with(known[generation], g.Users...)
			waiting = append(waiting, slices.DeleteFunc(slices.Clone(g.Users), func(user string) bool { return users[user] })...)
			users, anonymous = with(users, g.Users...), with(anonymous, g.Anonymous...)
		}
	}
	if err != nil {
		return erasure.Group{}, fmt.Errorf("read the ids of a person: %w", err)
	}
	return erasure.Group{Users: slices.Sorted(maps.Keys(users)), Anonymous: slices.Sorted(maps.Keys(anonymous))}, nil
}

// with adds ids to a set, which may be nil.
func with(set map[string]bool, ids ...string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func joiningOf(ctx context.Context, tx app.Tx, generations []int64) (list []int64, err error) {
	for _, g := range generations {
		joins, err := JoinsIDs(ctx, tx, g)
		if err != nil {
			return nil, err
		}
		if joins {
			list = append(list, g)
		}
	}
	return list, nil
}

// groupIn returns what a generation joins to the id.
func groupIn(ctx context.Context, tx app.Tx, generation int64, id string) (g erasure.Group, err error) {
	err = tx.QueryRowContext(ctx, postgres.SQL(groupSQL, "generation", generation), id).Scan(pq.Array(&g.Users), pq.Array(&g.Anonymous))
	return g, err
}
