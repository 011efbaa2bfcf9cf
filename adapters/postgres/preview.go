package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"

	"relay/app"
	"relay/projections"
)

// Preview implements app.Tables. Of all rows only the names are joined; of the
// rest, the rows that the checksums do not rule out.
func (Events) Preview(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Count, []app.Difference, error) {
	p, err := pairOf(ctx, tx, eventsTable, served, rebuilt)
	if err != nil {
		return nil, nil, err
	}
	names, rest := p, p
	names.fields = []field{{name: "event_name"}}
	rest.fields = slices.DeleteFunc(slices.Clone(p.fields), func(f field) bool { return f.name == "event_name" })
	renamed, err := names.differences(ctx, tx, limit)
	if err != nil {
		return nil, nil, err
	}
	if err := rest.prune(ctx, tx); err != nil {
		return nil, nil, err
	}
	changed, err := rest.differences(ctx, tx, limit)
	if err != nil {
		return nil, nil, err
	}
	return []app.Count{
		{What: "events renamed", Count: renamed.changed()},
		{What: "events added", Count: renamed.added},
		{What: "events removed", Count: renamed.removed},
		{What: "events changed in other ways", Count: changed.changed()},
	}, alternate(limit, renamed.rows, changed.rows), nil
}

// changed is how many rows are on both sides and not the same.
func (d differences) changed() int64 { return d.total - d.added - d.removed }

// alternate returns up to limit of the rows, of each list in turn, none twice.
func alternate(limit int, lists ...[]app.Difference) (out []app.Difference) {
	for i := range limit {
		for _, list := range lists {
			if i < len(list) && len(out) < limit && !slices.Contains(out, list[i]) {
				out = append(out, list[i])
			}
		}
	}
	return out
}

// Preview implements app.Tables.
func (p Profiles) Preview(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Count, []app.Difference, error) {
	var people []string
	var all []app.Count
	var examples [][]app.Difference
	for _, part := range profileParts {
		if !p.has(part.part) {
			continue
		}
		rows, err := shownPair(ctx, tx, part, served, rebuilt, "stamps") // which nobody sees
		if err != nil {
			return nil, nil, err
		}
		if err := rows.prune(ctx, tx); err != nil {
			return nil, nil, err
		}
		found, err := rows.differences(ctx, tx, limit)
		if err != nil {
			return nil, nil, err
		}
		counted, err := countChanges(ctx, tx, part.part, rows)
		if err != nil {
			return nil, nil, err
		}
		people = append(people, "SELECT key FROM ("+rows.differing("")+") "+part.table)
		all, examples = append(all, counted...), append(examples, found.rows)
	}
	changed, err := counts(ctx, tx, `SELECT 'people changed', count(*) FROM (`+strings.Join(people, "\nUNION ")+`) people`)
	return append(changed, all...), alternate(limit, examples...), err
}

// countChanges counts what changes of one part of the profiles.
func countChanges(ctx context.Context, tx app.Tx, part string, rows pair) ([]app.Count, error) {
	var more string
	var what []string
	switch part {
	case projections.PartProperties:
		what = []string{
			`SELECT 'people added', count(*) FILTER (WHERE added) FROM d`,
			`SELECT 'people removed', count(*) FILTER (WHERE removed) FROM d`,
		}
	case projections.PartPreferences:
		for _, setting := range [][2]string{{"preferred_language", "languages"}, {"locale", "locales"}, {"timezone", "time zones"}} {
			more += fmt.Sprintf(`, a.%[1]s AS %[1]s_before, b.%[1]s AS %[1]s_after`, setting[0])
			what = append(what,
				fmt.Sprintf(`SELECT '%[2]s set', count(*) FROM d WHERE %[1]s_after <> coalesce(%[1]s_before, '')`, setting[0], setting[1]),
				fmt.Sprintf(`SELECT '%[2]s removed', count(*) FROM d WHERE %[1]s_after IS NULL AND %[1]s_before IS NOT NULL`, setting[0], setting[1]))
		}
	case projections.PartChannels:
		more = `, a.channels AS before, b.channels AS after`
		what = []string{fmt.Sprintf(channelsSQL, "added", "after", "before"), fmt.Sprintf(channelsSQL, "removed", "before", "after")}
	}
	return counts(ctx, tx, "WITH d AS MATERIALIZED ("+rows.differing(more)+")\n"+strings.Join(what, "\nUNION ALL "))
}

// channelsSQL counts, by channel, the values that one side has and the other
// has not.
const channelsSQL = `(SELECT 'channel ' || e.channel || ': values %[1]s', count(*)
FROM d, jsonb_each(d.%[2]s) AS e(channel, list), jsonb_array_elements_text(e.list) AS v(value)
WHERE NOT coalesce(d.%[3]s -> e.channel ? v.value, false) GROUP BY e.channel ORDER BY 1)`

// IssuesByCode implements app.Generations.
func (Generations) IssuesByCode(ctx context.Context, tx app.Tx, id int64, codes []string) ([]app.Count, error) {
	return counts(ctx, tx, `SELECT code, sum(count)::bigint FROM relay_store.issues
WHERE generation = $1 AND ($2::text[] IS NULL OR code = ANY ($2)) GROUP BY code ORDER BY 2 DESC, 1`, id, pq.Array(codes))
}

func counts(ctx context.Context, tx app.Tx, query string, args ...any) ([]app.Count, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("count what would change: %w", err)
	}
	defer rows.Close()
	var list []app.Count
	for rows.Next() {
		var c app.Count
		if err := rows.Scan(&c.What, &c.Count); err != nil {
			return nil, fmt.Errorf("count what would change: %w", err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}
