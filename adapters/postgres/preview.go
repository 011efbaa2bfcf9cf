package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"relay/app"
)

// previewProfilesSQL counts what differs between two generations of profiles.
const previewProfilesSQL = `WITH served AS MATERIALIZED (
    SELECT c.distinct_id, e.channel, v.value FROM <channels served> c, jsonb_each(c.channels) AS e(channel, list), jsonb_array_elements_text(e.list) AS v(value)
), rebuilt AS MATERIALIZED (
    SELECT c.distinct_id, e.channel, v.value FROM <channels rebuilt> c, jsonb_each(c.channels) AS e(channel, list), jsonb_array_elements_text(e.list) AS v(value)
), people AS MATERIALIZED (
    SELECT a.distinct_id IS NULL AS added, b.distinct_id IS NULL AS removed, a.properties IS DISTINCT FROM b.properties AS properties,
           fa.preferred_language IS DISTINCT FROM fb.preferred_language AS language, fa.locale IS DISTINCT FROM fb.locale AS locale,
           fa.timezone IS DISTINCT FROM fb.timezone AS timezone, ca.channels IS DISTINCT FROM cb.channels AS channels
    FROM <profiles served> a FULL JOIN <profiles rebuilt> b ON b.distinct_id = a.distinct_id
    LEFT JOIN <preferences served> fa ON fa.distinct_id = coalesce(a.distinct_id, b.distinct_id)
    LEFT JOIN <preferences rebuilt> fb ON fb.distinct_id = coalesce(a.distinct_id, b.distinct_id)
    LEFT JOIN <channels served> ca ON ca.distinct_id = coalesce(a.distinct_id, b.distinct_id)
    LEFT JOIN <channels rebuilt> cb ON cb.distinct_id = coalesce(a.distinct_id, b.distinct_id)
)
SELECT what, n FROM (
    SELECT 1 AS place, 'people changed' AS what, count(*) FILTER (WHERE added OR removed OR properties OR language OR locale OR timezone OR channels) AS n FROM people
    UNION ALL SELECT 2, 'languages changed', count(*) FILTER (WHERE language) FROM people
    UNION ALL SELECT 3, 'locales changed', count(*) FILTER (WHERE locale) FROM people
    UNION ALL SELECT 4, 'time zones changed', count(*) FILTER (WHERE timezone) FROM people
    UNION ALL SELECT 5, 'channel ' || channel || ': values added', count(*) FROM (SELECT * FROM rebuilt EXCEPT SELECT * FROM served) x GROUP BY channel
    UNION ALL SELECT 6, 'channel ' || channel || ': values removed', count(*) FROM (SELECT * FROM served EXCEPT SELECT * FROM rebuilt) x GROUP BY channel
) counts ORDER BY place, what`

// previewEventsSQL counts what differs between two generations of events.
const previewEventsSQL = `WITH both_sides AS (
    SELECT a.message_key IS NULL AS added, b.message_key IS NULL AS removed, a.event_name AS before, b.event_name AS after
    FROM relay_store.events_g%[1]d a FULL JOIN relay_store.events_g%[2]d b ON b.message_key = a.message_key
)
SELECT what, n FROM (
    SELECT 1 AS place, 'events renamed' AS what, count(*) FILTER (WHERE NOT added AND NOT removed AND before <> after) AS n FROM both_sides
    UNION ALL SELECT 2, 'events added', count(*) FILTER (WHERE added) FROM both_sides
    UNION ALL SELECT 3, 'events removed', count(*) FILTER (WHERE removed) FROM both_sides
) counts ORDER BY place`

// Preview implements app.Tables.
func (Profiles) Preview(ctx context.Context, tx app.Tx, served, rebuilt int64) ([]app.Count, error) {
	query := previewProfilesSQL
	for side, generation := range map[string]int64{"served": served, "rebuilt": rebuilt} {
		joins, err := joinsIDs(ctx, tx, generation)
		if err != nil {
			return nil, err
		}
		for _, part := range profileParts {
			query = strings.ReplaceAll(query, "<"+part.table+" "+side+">", fmt.Sprintf(shownStates(part.table, joins), generation))
		}
	}
	return counts(ctx, tx, query)
}

// Preview implements app.Tables.
func (Events) Preview(ctx context.Context, tx app.Tx, served, rebuilt int64) ([]app.Count, error) {
	return counts(ctx, tx, fmt.Sprintf(previewEventsSQL, served, rebuilt))
}

// IssuesByCode implements app.Generations.
func (Generations) IssuesByCode(ctx context.Context, tx app.Tx, id int64) ([]app.Count, error) {
	return counts(ctx, tx, `SELECT code, sum(count)::bigint FROM relay_store.issues WHERE generation = $1 GROUP BY code ORDER BY 2 DESC, 1`, id)
}

func counts(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]app.Count, error) {
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
