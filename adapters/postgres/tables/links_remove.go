package tables

import (
	"context"
	"fmt"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/domain/identity"
)

const deleteLinksSQL = `DELETE FROM relay_store.<table>_g<generation> WHERE id = ANY ($1::text[])`

// remove removes the links from the ids, and notes the ids that move: an
// anonymous id without a claim belongs to nobody, a user id without an alias
// stands for itself.
func (l *linkTables) remove(ctx context.Context, claims, aliases []string) error {
	l.moves = moves{users: map[string]move{}, anonymous: map[string]move{}}
	gone, err := l.take(ctx, claimsTable, claims)
	if err != nil {
		return fmt.Errorf("remove %d claims: %w", len(claims), err)
	}
	for id, row := range gone {
		note(l.moves.anonymous, id, row.distinctID, "")
	}
	if err := l.removeAliases(ctx, aliases); err != nil {
		return fmt.Errorf("remove %d aliases: %w", len(aliases), err)
	}
	return nil
}

// take removes the links from the ids, and returns those that there were.
func (l *linkTables) take(ctx context.Context, table string, ids []string) (map[string]linkRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	there, err := l.query(ctx, postgres.SQL(readLinksSQL, "table", table, "generation", l.generation), wire.Texts(ids))
	if err != nil || len(there) == 0 {
		return nil, err
	}
	_, err = l.tx.ExecContext(ctx, postgres.SQL(deleteLinksSQL, "table", table, "generation", l.generation), wire.TextColumn(there))
	return there, err
}

// removeAliases removes aliases, and settles anew what stands for the ids that
// led through them.
func (l *linkTables) removeAliases(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	affected, err := l.query(ctx, postgres.SQL(affectedSQL, "generation", l.generation), wire.Texts(ids))
	if err != nil {
		return err
	}
	gone, err := l.take(ctx, aliasesTable, ids)
	if err != nil || len(gone) == 0 {
		return err
	}
	links := identity.Links{}
	for id, row := range affected {
		if _, isGone := gone[id]; !isGone {
			links[id] = row.Link
		}
	}
	canonical := links.Canonical()
	c := wire.NewColumns(wire.OIDText, wire.OIDText, wire.OIDText)
	for id, row := range affected {
		l.moveUser(c, id, row.distinctID, canonical.Of(id))
	}
	return l.writeMoves(ctx, c)
}
