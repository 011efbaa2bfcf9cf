package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"relay/app"
)

// compareSQL finds the rows that are not the same in two tables, by key. What is
// compared is what people can query, and the stamps that decide what comes next.
const compareSQL = `SELECT count(*) OVER (), coalesce(a.%[3]s, b.%[3]s)::text, coalesce(to_jsonb(a)::text, ''), coalesce(to_jsonb(b)::text, '')
FROM %[1]s a FULL JOIN %[2]s b ON b.%[3]s = a.%[3]s
WHERE to_jsonb(a) IS DISTINCT FROM to_jsonb(b)
ORDER BY 2 LIMIT $1`

// compareRelations compares what two tables or subqueries hold.
func compareRelations(ctx context.Context, tx *sql.Tx, name, key, served, rebuilt string, limit int) ([]app.Difference, int, error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(compareSQL, served, rebuilt, key), limit)
	if err != nil {
		return nil, 0, fmt.Errorf("compare %s: %w", name, err)
	}
	defer rows.Close()
	var differences []app.Difference
	total := 0
	for rows.Next() {
		d := app.Difference{Table: name}
		if err := rows.Scan(&total, &d.Key, &d.Served, &d.Rebuilt); err != nil {
			return nil, 0, fmt.Errorf("compare %s: %w", name, err)
		}
		differences = append(differences, d)
	}
	return differences, total, rows.Err()
}

// comparison compares two generations, one table after the other.
type comparison struct {
	tx              *sql.Tx
	served, rebuilt int64
	limit           int

	found []app.Difference
	total int
	err   error
}

// joins tells which of the generations has mappings that join ids.
func (c *comparison) joins(ctx context.Context) (served, rebuilt bool, err error) {
	if served, err = joinsIDs(ctx, c.tx, c.served); err != nil {
		return false, false, err
	}
	rebuilt, err = joinsIDs(ctx, c.tx, c.rebuilt)
	return served, rebuilt, err
}

// tables compares tables of both generations.
func (c *comparison) tables(ctx context.Context, key string, tables ...string) {
	for _, table := range tables {
		of := "relay_store." + table + "_g%[1]d"
		c.relations(ctx, table, key, of, of)
	}
}

// relations compares a relation of each generation, with its number filled in.
func (c *comparison) relations(ctx context.Context, name, key, served, rebuilt string) {
	if c.err != nil {
		return
	}
	differences, n, err := compareRelations(ctx, c.tx, name, key, fmt.Sprintf(served, c.served), fmt.Sprintf(rebuilt, c.rebuilt), c.limit)
	c.found, c.total, c.err = append(c.found, differences...), c.total+n, err
}

func (c *comparison) result() ([]app.Difference, int, error) {
	return c.found[:min(len(c.found), c.limit)], c.total, c.err
}

// Compare implements app.Tables. Where one of the two joins ids and the other
// does not, what people query is compared, and otherwise every table.
func (Profiles) Compare(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	c := comparison{tx: tx, served: served, rebuilt: rebuilt, limit: limit}
	joinServed, joinRebuilt, err := c.joins(ctx)
	if err != nil {
		return nil, 0, err
	}
	sets := []stateSet{ownStates}
	if joinServed && joinRebuilt {
		sets = []stateSet{ownStates, anonymousStates, joinedStates}
		c.tables(ctx, "id", claimsTable, aliasesTable)
	}
	for _, part := range profileParts {
		if joinServed != joinRebuilt {
			c.relations(ctx, part.table, "distinct_id", shownStates(part.table, joinServed), shownStates(part.table, joinRebuilt))
			continue
		}
		for _, set := range sets {
			c.tables(ctx, "distinct_id", string(set)+part.table)
		}
	}
	return c.result()
}

// Compare implements app.Tables.
func (Events) Compare(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	c := comparison{tx: tx, served: served, rebuilt: rebuilt, limit: limit}
	joinServed, joinRebuilt, err := c.joins(ctx)
	if err != nil {
		return nil, 0, err
	}
	if joinServed && joinRebuilt {
		c.tables(ctx, "id", claimsTable, aliasesTable)
	}
	c.tables(ctx, "message_key", "events")
	return c.result()
}

// CompareIssues implements app.Generations.
func (Generations) CompareIssues(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	issues := func(generation int64) string {
		return fmt.Sprintf(`(SELECT concat_ws(' / ', code, source, detail) AS key, count, first_seen_at, last_seen_at, example_offset
FROM relay_store.issues WHERE generation = %d)`, generation)
	}
	return compareRelations(ctx, tx, "issues", "key", issues(served), issues(rebuilt), limit)
}
