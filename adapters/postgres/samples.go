package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"

	"relay/app"
)

var (
	_ app.PeopleFinder  = Profiles{}
	_ app.MessageFinder = Events{}
)

// somePeopleSQL takes about as many pages at random as people are wanted, and of
// the people in them, at random again: few live next to each other.
const somePeopleSQL = `SELECT distinct_id FROM (
    SELECT distinct_id FROM %[1]s TABLESAMPLE SYSTEM (
        least(100, 100.0 * (2 * $1 + 20) * current_setting('block_size')::int / greatest(pg_relation_size('%[1]s'), 1)))
) people ORDER BY random() LIMIT $1`

// SomePeople implements app.PeopleFinder. A person may have a row in any of the
// tables.
func (p Profiles) SomePeople(ctx context.Context, tx app.Tx, generation int64, n int) (ids []string, err error) {
	known := map[string]bool{}
	for _, part := range profileParts {
		found, err := readTexts(ctx, tx, fmt.Sprintf(somePeopleSQL, tableOf(part.table, generation)), n)
		if err != nil {
			return nil, fmt.Errorf("choose people who have %s: %w", part.table, replaced(err))
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

// MessageRows implements app.MessageFinder.
func (Events) MessageRows(ctx context.Context, tx app.Tx, generation int64, ids []string) (map[string]app.MessageRow, error) {
	keys := newColumn(oidUUID)
	for _, id := range ids {
		key := keyOf(id)
		keys.bytes(key[:])
	}
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(`SELECT message_id, log_offset, log_index, coalesce(distinct_id, '')
FROM relay_store.events_g%d WHERE message_key = ANY ($1::uuid[])`, generation), keys)
	if err != nil {
		return nil, fmt.Errorf("look up message ids: %w", replaced(err))
	}
	defer rows.Close()
	found := make(map[string]app.MessageRow, len(ids))
	for rows.Next() {
		var id string
		var row app.MessageRow
		if err := rows.Scan(&id, &row.Offset, &row.Index, &row.DistinctID); err != nil {
			return nil, fmt.Errorf("look up message ids: %w", err)
		}
		found[id] = row
	}
	return found, rows.Err()
}
