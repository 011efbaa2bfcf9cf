package tables

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/app/sample"
)

var _ sample.LinkFinder = Identities{}

// somePeopleSQL takes about as many pages at random as people are wanted, and of
// the people in them, at random again: few live next to each other.
const somePeopleSQL = `SELECT <key> FROM (
    SELECT <key> FROM <table> TABLESAMPLE SYSTEM (
        least(100, 100.0 * (2 * $1 + 20) * current_setting('block_size')::int / greatest(pg_relation_size('<table>'), 1)))
) people ORDER BY random() LIMIT $1`

// SomePeople implements app.Sampling. A person may have a row in any of the
// tables.
func (p Profiles) SomePeople(ctx context.Context, tx app.Tx, generation int64, n int) ([]string, error) {
	joins, err := JoinsIDs(ctx, tx, generation)
	if err != nil {
		return nil, err
	}
	var tables []keyed
	for _, part := range profileParts {
		for _, set := range setsOf(joins) {
			tables = append(tables, part.keyed(set))
		}
	}
	return someOf(ctx, tx, tables, generation, n)
}

// SomeLinked implements sample.LinkFinder.
func (Identities) SomeLinked(ctx context.Context, tx app.Tx, generation int64, n int) ([]string, error) {
	return someOf(ctx, tx, []keyed{claimLinks, aliasLinks}, generation, n)
}

// someOf returns up to n keys of rows at random.
func someOf(ctx context.Context, tx app.Tx, tables []keyed, generation int64, n int) (ids []string, err error) {
	known := map[string]bool{}
	for _, table := range tables {
		query := postgres.SQL(somePeopleSQL, "table", tableOf(table.name, generation), "key", table.key)
		found, err := readTexts(ctx, tx, query, n)
		if err != nil {
			return nil, fmt.Errorf("choose people who have %s: %w", table.name, replaced(err))
		}
		for _, id := range found {
			if !known[id] {
				known[id], ids = true, append(ids, id)
			}
		}
	}
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids[:min(len(ids), n)], nil
}

// samePeopleSQL finds whom ids belong to, and all ids that belong to these.
//
// Plans: the indexes on id, and those on distinct_id.
const samePeopleSQL = `WITH given(id) AS (SELECT unnest($1::text[]) COLLATE "C"), people(id) AS (
    SELECT id FROM given
    UNION SELECT c.distinct_id FROM given JOIN relay_store.claims_g<generation> c ON c.id = given.id
    UNION SELECT a.distinct_id FROM given JOIN relay_store.aliases_g<generation> a ON a.id = given.id
)
SELECT id FROM people
UNION SELECT c.id FROM people JOIN relay_store.claims_g<generation> c ON c.distinct_id = people.id
UNION SELECT a.id FROM people JOIN relay_store.aliases_g<generation> a ON a.distinct_id = people.id`

// SamePeople implements sample.LinkFinder.
func (Identities) SamePeople(ctx context.Context, tx app.Tx, generation int64, ids []string) ([]string, error) {
	found, err := readTexts(ctx, tx, postgres.SQL(samePeopleSQL, "generation", generation), pq.Array(ids))
	if err != nil {
		return nil, fmt.Errorf("look up the ids of %d people: %w", len(ids), replaced(err))
	}
	return found, nil
}

func readTexts(ctx context.Context, tx app.Tx, query string, args ...any) (list []string, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

// SomePeople implements app.Sampling: rows follow from single calls, so samples
// are taken of the log.
func (Events) SomePeople(context.Context, app.Tx, int64, int) ([]string, error) { return nil, nil }

const messageRowsSQL = `SELECT message_id, log_offset, log_index, coalesce(distinct_id, ''), coalesce(anonymous_id, '')
FROM relay_store.events_g<generation> WHERE message_key = ANY ($1::uuid[])`

// MessageRows implements app.MessageFinder.
func (Events) MessageRows(ctx context.Context, tx app.Tx, generation int64, ids []string) (map[string]app.MessageRow, error) {
	keys := wire.NewColumn(wire.OIDUUID)
	for _, id := range ids {
		key := keyOf(id)
		keys.Bytes(key[:])
	}
	rows, err := tx.QueryContext(ctx, postgres.SQL(messageRowsSQL, "generation", generation), keys)
	if err != nil {
		return nil, fmt.Errorf("look up message ids: %w", replaced(err))
	}
	defer rows.Close()
	found := make(map[string]app.MessageRow, len(ids))
	for rows.Next() {
		var id string
		var row app.MessageRow
		if err := rows.Scan(&id, &row.Offset, &row.Index, &row.DistinctID, &row.AnonymousID); err != nil {
			return nil, fmt.Errorf("look up message ids: %w", err)
		}
		found[id] = row
	}
	return found, rows.Err()
}
