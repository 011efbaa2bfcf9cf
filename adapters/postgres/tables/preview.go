package tables

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"relay/adapters/postgres"
	"relay/app"
	"relay/projections"
)

// Preview implements app.Comparing. Of all rows only the names are joined; of the
// rest, the rows that the checksums do not rule out.
func (Events) Preview(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Count, []app.Difference, error) {
	p, err := pairOf(ctx, tx, eventsTable, served, rebuilt)
	if err != nil {
		return nil, nil, err
	}
	names, rest := p, p
	names.fields, rest.bothFirst = []field{{name: "event_name"}}, true
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
	moved, err := movedEvents(ctx, tx, rest, served, rebuilt, limit)
	if err == nil {
		err = showOwners(ctx, tx, renamed.rows, served, rebuilt)
	}
	return []app.Count{
		{What: "events renamed", Count: renamed.changed()},
		{What: "events added", Count: renamed.added},
		{What: "events removed", Count: renamed.removed},
		{What: "events of another person", Count: moved.changed()},
		{What: "events changed in other ways", Count: changed.changed()},
	}, alternate(limit, renamed.rows, both(moved.rows), both(changed.rows)), err
}

// Whom people see events belong to, where mappings join no ids and where they do.
const (
	eventsOfUsers  = `(SELECT message_key, message_id, distinct_id FROM relay_store.events_g<generation>)`
	eventsOfPeople = `(
    SELECT e.message_key, e.message_id,
           CASE WHEN e.distinct_id IS NULL THEN c.distinct_id ELSE coalesce(a.distinct_id, e.distinct_id) END AS distinct_id
    FROM relay_store.events_g<generation> e LEFT JOIN relay_store.aliases_g<generation> a ON a.id = e.distinct_id
    LEFT JOIN relay_store.claims_g<generation> c ON e.distinct_id IS NULL AND c.id = e.anonymous_id)`
)

// ownedEvents is a relation of a generation's events with whom people see them
// belong to.
func ownedEvents(ctx context.Context, tx app.Tx, generation int64) (relation string, joins bool, err error) {
	if joins, err = JoinsIDs(ctx, tx, generation); err != nil {
		return "", false, err
	}
	if joins {
		return postgres.SQL(eventsOfPeople, "generation", generation), true, nil
	}
	return postgres.SQL(eventsOfUsers, "generation", generation), false, nil
}

// movedEvents finds the events that belong to another person, or to one at all.
// Where neither of the generations joins ids they are among the changed rows:
// another call makes the row of a message id.
func movedEvents(ctx context.Context, tx app.Tx, changed pair, served, rebuilt int64, limit int) (d differences, err error) {
	p := pair{keyed: eventsTable, except: []string{"message_key", "message_id"}, bothFirst: true}
	var joined, joins bool
	if p.served, joined, err = ownedEvents(ctx, tx, served); err != nil {
		return d, err
	}
	if p.rebuilt, joins, err = ownedEvents(ctx, tx, rebuilt); err != nil {
		return d, err
	}
	if !joined && !joins {
		p = changed
	}
	p.fields = []field{{name: "distinct_id"}}
	return p.differences(ctx, tx, limit)
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

// Preview implements app.Comparing.
func (p Profiles) Preview(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Count, []app.Difference, error) {
	var counted []app.Count
	var examples []app.Difference
	var people []string // queries for those of whom a part changes
	for _, part := range p.held() {
		rows, err := shownPair(ctx, tx, part, served, rebuilt, "stamps", "distinct_id") // nobody sees the one, the other is the key
		if err == nil {
			err = rows.prune(ctx, tx)
		}
		if err != nil {
			return nil, nil, err
		}
		found, err := rows.differences(ctx, tx, limit)
		if err != nil {
			return nil, nil, err
		}
		changes, err := countChanges(ctx, tx, part.part, rows)
		if err != nil {
			return nil, nil, err
		}
		counted, examples = append(counted, changes...), append(examples, found.rows...)
		people = append(people, rows.differing(""))
	}
	changed, err := counts(ctx, tx, `SELECT 'people changed', count(DISTINCT key) FROM (`+strings.Join(people, "\nUNION ALL ")+`) people`)
	return append(changed, counted...), joinPeople(examples, limit), err
}

// joinPeople makes of the rows of several tables one a person, and returns the
// first of them. They are complete where each table's first rows are given.
func joinPeople(rows []app.Difference, limit int) (people []app.Difference) {
	slices.SortStableFunc(rows, func(a, b app.Difference) int { return strings.Compare(a.Key, b.Key) })
	for _, row := range rows {
		last := len(people) - 1
		if last >= 0 && people[last].Key == row.Key {
			people[last].Served, people[last].Rebuilt = joinJSON(people[last].Served, row.Served), joinJSON(people[last].Rebuilt, row.Rebuilt)
		} else if len(people) < limit {
			row.Table = projections.Profiles
			people = append(people, row)
		}
	}
	return people
}

// joinJSON makes one object of two with other members, either of which may be
// missing.
func joinJSON(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return strings.TrimSuffix(a, "}") + "," + strings.TrimPrefix(b, "{")
}

const (
	settingSetSQL     = `SELECT '<what> set', count(*) FROM d WHERE <column>_after <> coalesce(<column>_before, '')`
	settingRemovedSQL = `SELECT '<what> removed', count(*) FROM d WHERE <column>_after IS NULL AND <column>_before IS NOT NULL`
)

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
			more += postgres.SQL(`, a.<column> AS <column>_before, b.<column> AS <column>_after`, "column", setting[0])
			what = append(what,
				postgres.SQL(settingSetSQL, "column", setting[0], "what", setting[1]),
				postgres.SQL(settingRemovedSQL, "column", setting[0], "what", setting[1]))
		}
	case projections.PartChannels:
		more = `, a.channels AS before, b.channels AS after`
		what = []string{
			postgres.SQL(channelsSQL, "what", "added", "has", "after", "lacks", "before"),
			postgres.SQL(channelsSQL, "what", "removed", "has", "before", "lacks", "after"),
		}
	}
	return counts(ctx, tx, "WITH d AS MATERIALIZED ("+rows.differing(more)+")\n"+strings.Join(what, "\nUNION ALL "))
}

// channelsSQL counts, by channel, the values that one side has and the other
// has not.
const channelsSQL = `(SELECT 'channel ' || e.channel || ': values <what>', count(*)
FROM d, jsonb_each(d.<has>) AS e(channel, list), jsonb_array_elements_text(e.list) AS v(value)
WHERE NOT coalesce(d.<lacks> -> e.channel ? v.value, false) GROUP BY e.channel ORDER BY 1)`

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
