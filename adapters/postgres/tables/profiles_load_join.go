package tables

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"relay/adapters/postgres"
	"relay/domain/profile"
	"relay/projections"
)

// joinPeople makes the joined rows of a loaded generation, whose other tables
// are there and indexed, from nothing: what an earlier process made of them goes.
func (l *profilesLoader) joinPeople(ctx context.Context) error {
	joined := l.tables.Of(JoinedStates)
	return inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, joined.statements(l.generation, "TRUNCATE relay_store.<table>_g<generation>"))
		if err != nil {
			return fmt.Errorf("empty the tables of joined people: %w", err)
		}
		unstorable := projections.Issues{}
		if err := l.writeJoined(ctx, tx, unstorable); err != nil {
			return fmt.Errorf("join people: %w", err)
		}
		if err := (Issues{}).AddIssues(ctx, tx, l.generation, unstorable); err != nil {
			return err
		}
		return joined.Index(ctx, tx, l.generation)
	})
}

// membersCursorSQL goes through the ids that can contribute to somebody else's
// canonical id, those of one canonical id together.
const membersCursorSQL = `DECLARE members NO SCROLL CURSOR FOR
SELECT distinct_id, id, false AS anonymous FROM relay_store.aliases_g<generation> WHERE id <> distinct_id
UNION ALL SELECT c.distinct_id, c.id, true FROM (<contributing>) s JOIN relay_store.claims_g<generation> c ON c.id = s.distinct_id
ORDER BY 1`

// ids is a query for the ids that have states.
func (p Profiles) ids(generation int64) string {
	var all []string
	for _, part := range p.held() {
		all = append(all, "SELECT distinct_id FROM "+tableOf(part.in(p.set), generation))
	}
	return strings.Join(all, " UNION ")
}

// members are ids that contribute to canonical ids.
type members struct {
	users, anonymous map[string]string // canonical ids by id
	last             string            // the canonical id that more may contribute to
}

// writeJoined writes the joined rows, some people at a time. Of an id that
// others contribute to it holds what these say together, whoever they are.
func (l *profilesLoader) writeJoined(ctx context.Context, tx *sql.Tx, unstorable projections.Issues) error {
	declare := postgres.SQL(membersCursorSQL,
		"generation", l.generation, "contributing", l.tables.Of(anonymousStates).ids(l.generation))
	if _, err := tx.ExecContext(ctx, declare); err != nil {
		return err
	}
	j := l.tables.newJoining(tx, l.generation, map[string]profile.State{})
	for {
		m, err := fetchMembers(ctx, tx)
		if err != nil {
			return err
		}
		if err := j.gather(ctx, m.users, m.anonymous); err != nil {
			return err
		}
		var more profile.State
		if m.last != "" {
			more = j.gains[m.last]
			delete(j.gains, m.last)
		}
		if err := l.writeGains(ctx, &j, unstorable); err != nil {
			return err
		}
		if m.last == "" {
			return nil
		}
		j.gains[m.last] = more
	}
}

func fetchMembers(ctx context.Context, tx *sql.Tx) (m members, err error) {
	rows, err := tx.QueryContext(ctx, postgres.SQL(`FETCH <people> FROM members`, "people", mergedPeople))
	if err != nil {
		return m, err
	}
	defer rows.Close()
	m = members{users: map[string]string{}, anonymous: map[string]string{}}
	for rows.Next() {
		var id string
		var anonymous bool
		if err := rows.Scan(&m.last, &id, &anonymous); err != nil {
			return m, err
		}
		if anonymous {
			m.anonymous[id] = m.last
		} else {
			m.users[id] = m.last
		}
	}
	return m, rows.Err()
}

// writeGains writes the joined rows of those who gained something.
func (l *profilesLoader) writeGains(ctx context.Context, j *joining, unstorable projections.Issues) error {
	clear(j.own)
	if err := j.readOwn(ctx, maps.Keys(j.gains)); err != nil {
		return err
	}
	people := make([]person, 0, len(j.gains))
	for _, id := range slices.Sorted(maps.Keys(j.gains)) {
		others := j.gains[id]
		if others.IsEmpty() {
			continue
		}
		people = append(people, person{id, within(profile.Merge(others, j.own[id]), others)})
	}
	clear(j.gains)
	return l.writePeople(ctx, j.tx, JoinedStates, people, unstorable)
}
