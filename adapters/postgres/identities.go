package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"relay/app"
)

// Identities implements app.Identities.
type Identities struct{}

var _ app.Identities = Identities{}

// Joins implements app.Identities.
func (Identities) Joins(ctx context.Context, tx app.Tx, generation int64) (bool, error) {
	return joinsIDs(ctx, tx, generation)
}

// groupSQL finds the ids that lead to what stands for a user id.
//
// Plan: the aliases' and the claims' indexes by distinct_id.
const groupSQL = `WITH person(id) AS (
    SELECT coalesce((SELECT distinct_id FROM relay_store.aliases_g%[1]d WHERE id = $1), $1)
)
SELECT ARRAY(SELECT id FROM person UNION SELECT a.id FROM relay_store.aliases_g%[1]d a WHERE a.distinct_id = (SELECT id FROM person)),
       ARRAY(SELECT c.id FROM relay_store.claims_g%[1]d c WHERE c.distinct_id = (SELECT id FROM person))`

// Group implements app.Identities.
func (Identities) Group(ctx context.Context, tx app.Tx, generation int64, id string) (g app.Group, err error) {
	joins, err := joinsIDs(ctx, tx, generation)
	if err != nil || !joins {
		return app.Group{Users: []string{id}}, err
	}
	err = tx.QueryRowContext(ctx, fmt.Sprintf(groupSQL, generation), id).Scan(pq.Array(&g.Users), pq.Array(&g.Anonymous))
	if err != nil {
		return g, fmt.Errorf("read the ids of a person: %w", err)
	}
	slices.Sort(g.Users)
	slices.Sort(g.Anonymous)
	return g, nil
}
