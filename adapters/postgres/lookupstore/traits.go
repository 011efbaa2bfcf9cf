package lookupstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app/lookup"
)

// TraitReader implements lookup.TraitReader.
type TraitReader struct {
	DB *sql.DB
}

var _ lookup.TraitReader = TraitReader{}

// traitsSQL reads the traits of some people, and of objects in them the members.
const traitsSQL = `WITH people AS MATERIALIZED (SELECT properties FROM relay.profiles LIMIT 1000),
pairs AS (
    SELECT key AS path, value FROM people, jsonb_each(properties)
    UNION ALL
    SELECT outside.key || '.' || inside.key, inside.value FROM people, jsonb_each(properties) outside,
           jsonb_each(CASE jsonb_typeof(outside.value) WHEN 'object' THEN outside.value ELSE '{}' END) inside
)
SELECT path, count(*), (array_agg(DISTINCT left(value #>> '{}', 60)) FILTER (WHERE jsonb_typeof(value) NOT IN ('null', 'object')))[1:3],
       (SELECT count(*) FROM people)
FROM pairs WHERE length(path) <= 255 GROUP BY path ORDER BY count(*) DESC, path LIMIT 200`

// Traits implements lookup.TraitReader.
func (r TraitReader) Traits(ctx context.Context) (traits lookup.Traits, err error) {
	rows, err := r.DB.QueryContext(ctx, traitsSQL)
	if err != nil {
		return traits, fmt.Errorf("read people's traits: %w", postgres.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var k lookup.TraitKey
		if err := rows.Scan(&k.Path, &k.People, pq.Array(&k.Examples), &traits.People); err != nil {
			return traits, fmt.Errorf("read people's traits: %w", err)
		}
		traits.Keys = append(traits.Keys, k)
	}
	return traits, rows.Err()
}
