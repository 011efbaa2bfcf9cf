package tables

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/domain/identity"
	"relay/domain/segment"
)

// moves tells, by id, whom ids belonged to before links were merged and whom
// they belong to after, for those for which that is not the same.
type moves struct {
	users, anonymous map[string]move
}

type move struct {
	from, to string // distinct ids; from is empty where nobody owned an anonymous id
}

// note adds a move to those that came before.
func note(moved map[string]move, id, from, to string) {
	if before, again := moved[id]; again {
		from = before.from
	}
	if from == to {
		delete(moved, id)
		return
	}
	moved[id] = move{from, to}
}

// linkTables are a generation's tables of links in a transaction.
type linkTables struct {
	tx         *sql.Tx
	generation int64
	// contributes is a condition on an anonymous id, c.id, that tells whether
	// anybody asks where it moves when its owner does.
	contributes string
	moves       moves
}

// merge adds links to the tables, and notes the ids that move.
func (l *linkTables) merge(ctx context.Context, s identity.State) error {
	l.moves = moves{users: map[string]move{}, anonymous: map[string]move{}}
	if err := l.mergeAliases(ctx, s.Aliases); err != nil {
		return fmt.Errorf("merge %d aliases: %w", len(s.Aliases), err)
	}
	if err := l.mergeClaims(ctx, s.Claims); err != nil {
		return fmt.Errorf("merge %d claims: %w", len(s.Claims), err)
	}
	return nil
}

// linkRow is a link with the id that stands for its user.
type linkRow struct {
	identity.Link
	distinctID string
}

// query runs a query that yields links.
func (l *linkTables) query(ctx context.Context, query string, args ...any) (map[string]linkRow, error) {
	rows, err := l.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	links := map[string]linkRow{}
	for rows.Next() {
		var id string
		var r linkRow
		var since time.Time
		if err := rows.Scan(&id, &r.To, &since, &r.Offset, &r.Index, &r.distinctID); err != nil {
			return nil, err
		}
		r.At = segment.InstantOf(since)
		links[id] = r
	}
	return links, rows.Err()
}

// newLinks returns those of the links that count before the known ones, or for
// ids without any.
func newLinks(links identity.Links, known map[string]linkRow) identity.Links {
	out := identity.Links{}
	for id, link := range links {
		if link.CountsBefore(known[id].Link) {
			out[id] = link
		}
	}
	return out
}

const writeLinksSQL = `INSERT INTO relay_store.<table>_g<generation> (id, user_id, since, log_offset, log_index, distinct_id)
SELECT n.id, n.user_id, n.since, n.log_offset, n.log_index, coalesce(a.distinct_id, n.user_id)
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::int[]) AS n(id, user_id, since, log_offset, log_index)
LEFT JOIN relay_store.aliases_g<generation> a ON a.id = n.user_id
ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, since = excluded.since,
    log_offset = excluded.log_offset, log_index = excluded.log_index, distinct_id = excluded.distinct_id`

// write writes links in place of those that are there. Their distinct ids are
// those of the users that they lead to, as far as that is known.
func (l *linkTables) write(ctx context.Context, table string, links identity.Links) error {
	columns := wire.NewColumns(wire.OIDText, wire.OIDText, wire.OIDTimestamptz, wire.OIDInt8, wire.OIDInt4)
	for id, link := range links {
		columns[0].Text(id)
		columns[1].Text(link.To)
		columns[2].Instant(link.At)
		columns[3].Int8(int64(link.Offset))
		columns[4].Int4(link.Index)
	}
	_, err := l.tx.ExecContext(ctx, postgres.SQL(writeLinksSQL, "table", table, "generation", l.generation), wire.Arguments(columns)...)
	return err
}

const readLinksSQL = `SELECT l.id, l.user_id, l.since, l.log_offset, l.log_index, l.distinct_id
FROM relay_store.<table>_g<generation> l WHERE l.id = ANY ($1::text[])`

// read returns the links that there are of the ids.
func (l *linkTables) read(ctx context.Context, table string, ids identity.Links) (map[string]linkRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return l.query(ctx, postgres.SQL(readLinksSQL, "table", table, "generation", l.generation), wire.TextColumn(ids))
}

// mergeClaims adds claims. The aliases are settled before.
func (l *linkTables) mergeClaims(ctx context.Context, claims identity.Links) error {
	known, err := l.read(ctx, claimsTable, claims)
	if err != nil {
		return err
	}
	fresh := newLinks(claims, known)
	if len(fresh) == 0 {
		return nil
	}
	if err := l.write(ctx, claimsTable, fresh); err != nil {
		return err
	}
	written, err := l.read(ctx, claimsTable, fresh)
	for id, row := range written {
		note(l.moves.anonymous, id, known[id].distinctID, row.distinctID)
	}
	return err
}

// mergeAliases adds aliases, and settles anew what stands for the ids that lead
// through them.
func (l *linkTables) mergeAliases(ctx context.Context, aliases identity.Links) error {
	known, err := l.read(ctx, aliasesTable, aliases)
	if err != nil {
		return err
	}
	fresh := newLinks(aliases, known)
	if len(fresh) == 0 {
		return nil
	}
	if err := l.write(ctx, aliasesTable, fresh); err != nil {
		return err
	}
	return l.settle(ctx, fresh, known)
}

// affectedSQL finds all aliases that lead to one of some ids, and all on the
// ways on from these.
const affectedSQL = `WITH RECURSIVE behind(id) AS (
    SELECT unnest($1::text[]) COLLATE "C"
    UNION SELECT a.id FROM behind JOIN relay_store.aliases_g<generation> a ON a.user_id = behind.id
), ahead(id) AS (
    SELECT unnest($1::text[]) COLLATE "C"
    UNION SELECT a.user_id FROM ahead JOIN relay_store.aliases_g<generation> a ON a.id = ahead.id
)
SELECT a.id, a.user_id, a.since, a.log_offset, a.log_index, a.distinct_id
FROM (SELECT id FROM behind UNION SELECT id FROM ahead) way JOIN relay_store.aliases_g<generation> a ON a.id = way.id`

const (
	moveUsersSQL = `UPDATE relay_store.aliases_g<generation> a SET distinct_id = n.after
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(id, before, after) WHERE a.id = n.id AND a.distinct_id <> n.after`
	moveClaimsSQL = `WITH c AS (
    UPDATE relay_store.claims_g<generation> c SET distinct_id = n.after
    FROM unnest($1::text[], $2::text[], $3::text[]) AS n(id, before, after)
    WHERE c.distinct_id = n.before AND c.user_id = n.id AND n.before <> n.after RETURNING c.id, n.before, n.after
)
SELECT c.id, c.before, c.after FROM c WHERE <contributes>`
)

// settle finds what stands for the ids that fresh aliases alter, given the
// aliases that these replaced.
func (l *linkTables) settle(ctx context.Context, fresh identity.Links, replaced map[string]linkRow) error {
	affected, err := l.query(ctx, postgres.SQL(affectedSQL, "generation", l.generation), wire.TextColumn(fresh))
	if err != nil {
		return err
	}
	links := identity.Links{}
	for id, row := range affected {
		links[id] = row.Link
	}
	c := wire.NewColumns(wire.OIDText, wire.OIDText, wire.OIDText)
	for id, after := range links.Canonical() {
		before := affected[id].distinctID
		if _, isFresh := fresh[id]; isFresh {
			before = id // without an alias it stood for itself
			if row, ok := replaced[id]; ok {
				before = row.distinctID
			}
		}
		l.moveUser(c, id, before, after)
	}
	return l.writeMoves(ctx, c)
}

// moveUser notes what stands for a user id now, and adds it to the columns of
// what writeMoves writes.
func (l *linkTables) moveUser(c []*wire.Column, id, before, after string) {
	note(l.moves.users, id, before, after)
	c[0].Text(id)
	c[1].Text(before)
	c[2].Text(after)
}

// writeMoves writes what stands for user ids, and lets the anonymous ids follow
// their owners.
func (l *linkTables) writeMoves(ctx context.Context, users []*wire.Column) error {
	if _, err := l.tx.ExecContext(ctx, postgres.SQL(moveUsersSQL, "generation", l.generation), wire.Arguments(users)...); err != nil {
		return err
	}
	return l.moveClaims(ctx, users)
}

// moveClaims lets the anonymous ids follow their owners.
func (l *linkTables) moveClaims(ctx context.Context, users []*wire.Column) error {
	rows, err := l.tx.QueryContext(ctx, postgres.SQL(moveClaimsSQL,
		"generation", l.generation, "contributes", l.contributes), wire.Arguments(users)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, before, after string
		if err := rows.Scan(&id, &before, &after); err != nil {
			return err
		}
		note(l.moves.anonymous, id, before, after)
	}
	return rows.Err()
}
