package tables

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/domain/profile"
	"relay/projections"
)

// Erase implements app.Rows. Where mappings join ids, the joined rows of all to
// whom what goes contributed, or what moves now contributes, are merged anew.
func (p Profiles) Erase(ctx context.Context, tx app.Tx, generation int64, e app.Erased) error {
	joins, err := JoinsIDs(ctx, tx, generation)
	if err != nil {
		return err
	}
	if !joins {
		return p.eraseStates(ctx, tx, generation, e.Users)
	}
	j := p.newJoining(tx, generation, map[string]profile.State{})
	if err := j.erase(ctx, e); err != nil {
		return err
	}
	if err := j.regather(ctx); err != nil {
		return fmt.Errorf("merge people anew: %w", err)
	}
	return j.write(ctx)
}

const deleteOwnedSQL = `DELETE FROM <table> WHERE distinct_id = ANY ($1::text[])`

// eraseStates deletes the states of ids.
func (p Profiles) eraseStates(ctx context.Context, tx *sql.Tx, generation int64, ids []string) error {
	for _, part := range p.held() {
		query := postgres.SQL(deleteOwnedSQL, "table", tableOf(part.in(p.set), generation))
		if _, err := tx.ExecContext(ctx, query, pq.Array(ids)); err != nil {
			return fmt.Errorf("erase %s%s: %w", p.set, part.table, err)
		}
	}
	return nil
}

// erase deletes links and states, and notes who loses by that or gains.
func (j *joining) erase(ctx context.Context, e app.Erased) error {
	if err := j.loseStates(ctx, e); err != nil {
		return fmt.Errorf("read whom ids stand for: %w", err)
	}
	links := linkTables{tx: j.tx, generation: j.generation, contributes: j.tables.contributes(j.generation, "c")}
	if err := links.remove(ctx, e.Claims, e.Aliases); err != nil {
		return err
	}
	for _, moved := range []map[string]move{links.moves.users, links.moves.anonymous} {
		for _, by := range moved {
			j.lost[by.from] = true
			if by.to != "" {
				j.lost[by.to] = true
			}
		}
	}
	if err := j.tables.eraseStates(ctx, j.tx, j.generation, e.Users); err != nil {
		return err
	}
	return j.tables.Of(anonymousStates).eraseStates(ctx, j.tx, j.generation, e.Anonymous)
}

// loseStates notes to whom the states contribute that go.
func (j *joining) loseStates(ctx context.Context, e app.Erased) error {
	for _, id := range e.Users {
		j.lost[id] = true
	}
	users, err := j.links(ctx, distinctIDsSQL, aliasesTable, wire.Texts(e.Users), "true")
	if err != nil {
		return err
	}
	owners, err := j.links(ctx, distinctIDsSQL, claimsTable, wire.Texts(e.Anonymous), "true")
	for _, of := range []map[string]string{users, owners} {
		for _, id := range of {
			j.lost[id] = true
		}
	}
	return err
}

// Erase implements app.Rows.
func (Events) Erase(ctx context.Context, tx app.Tx, generation int64, e app.Erased) error {
	events := tableOf(projections.Events, generation)
	if _, err := tx.ExecContext(ctx, postgres.SQL(deleteOwnedSQL, "table", events), pq.Array(e.Users)); err != nil {
		return fmt.Errorf("erase events: %w", err)
	}
	if len(e.Anonymous) > 0 {
		query := postgres.SQL(`DELETE FROM <table> WHERE distinct_id IS NULL AND anonymous_id = ANY ($1)`, "table", events)
		if _, err := tx.ExecContext(ctx, query, pq.Array(e.Anonymous)); err != nil {
			return fmt.Errorf("erase events of anonymous ids: %w", err)
		}
	}
	joins, err := JoinsIDs(ctx, tx, generation)
	if err != nil || !joins {
		return err
	}
	links := linkTables{tx: tx, generation: generation, contributes: "false"}
	return links.remove(ctx, e.Claims, e.Aliases)
}
