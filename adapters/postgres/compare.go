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

func compareTables(ctx context.Context, tx *sql.Tx, name, key string, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	table := func(generation int64) string { return fmt.Sprintf("relay_store.%s_g%d", name, generation) }
	return compareRelations(ctx, tx, name, key, table(served), table(rebuilt), limit)
}

// Compare implements app.Tables.
func (Profiles) Compare(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) (all []app.Difference, total int, err error) {
	for _, name := range []string{"profiles", "preferences", "channels"} {
		differences, n, err := compareTables(ctx, tx, name, "distinct_id", served, rebuilt, limit)
		if err != nil {
			return nil, 0, err
		}
		all, total = append(all, differences...), total+n
	}
	return all[:min(len(all), limit)], total, nil
}

// Compare implements app.Tables.
func (Events) Compare(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	return compareTables(ctx, tx, "events", "message_key", served, rebuilt, limit)
}

// CompareIssues implements app.Generations.
func (Generations) CompareIssues(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	issues := func(generation int64) string {
		return fmt.Sprintf(`(SELECT concat_ws(' / ', code, source, detail) AS key, count, first_seen_at, last_seen_at, example_offset
FROM relay_store.issues WHERE generation = %d)`, generation)
	}
	return compareRelations(ctx, tx, "issues", "key", issues(served), issues(rebuilt), limit)
}
