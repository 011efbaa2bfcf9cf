package tables

import (
	"context"
	"database/sql"
	"fmt"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/domain/identity"
)

// While a generation is loaded whose mappings join ids, it has one more table,
// links_gN: what the parts of the log say of links. At the end the claims and
// aliases that count are made of it. It is as lasting as loaded_gN is.
const (
	loadedLinksDDL         = `CREATE TABLE relay_store.links_g<generation> ` + loadedLinksColumns
	loadedLinksUnloggedDDL = `CREATE UNLOGGED TABLE relay_store.links_g<generation> ` + loadedLinksColumns
	loadedLinksDrop        = `DROP TABLE relay_store.links_g<generation>`
	loadedLinksTable       = "links"
	loadedLinksColumns     = `(
    alias      boolean          NOT NULL,
    id         text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    since      timestamptz      NOT NULL,
    log_offset bigint           NOT NULL,
    log_index  integer          NOT NULL
)`
)

// keepLinks keeps links of a generation that is being loaded; where there are
// none, there may be no table for them.
func keepLinks(ctx context.Context, tx *sql.Tx, generation int64, s identity.State) error {
	rows := wire.NewRowWriter(tx, tableOf(loadedLinksTable, generation), 6, "")
	defer rows.Close()
	err := addLinksTo(ctx, rows, s.Claims, false)
	if err == nil {
		err = addLinksTo(ctx, rows, s.Aliases, true)
	}
	if err == nil {
		err = rows.Insert(ctx)
	}
	return failed(err, "keep %d claims and %d aliases", len(s.Claims), len(s.Aliases))
}

func addLinksTo(ctx context.Context, rows *wire.RowWriter, links identity.Links, alias bool) error {
	for id, link := range links {
		rows.Begin()
		rows.Bool(alias)
		rows.Text(id)
		rows.Text(link.To)
		rows.Instant(link.At)
		rows.Int8(int64(link.Offset))
		rows.Int4(link.Index)
		rows.End()
		if !rows.Full() {
			continue
		}
		if err := rows.Insert(ctx); err != nil {
			return err
		}
	}
	return nil
}

// countingLinks are the links that count: of several from one id the earliest,
// as identity.Link.CountsBefore has it.
const countingLinks = `SELECT DISTINCT ON (id) id, user_id, since, log_offset, log_index
FROM relay_store.links_g<generation> WHERE alias = <alias> ORDER BY id, since, log_offset, log_index, user_id`

const (
	// ways follow the aliases from each id that has one: at is where the way has
	// come, least the smallest id that it has passed.
	waysDDL = `CREATE TEMPORARY TABLE ways ON COMMIT DROP AS SELECT *, user_id AS at, id AS least FROM (` + countingLinks + `) counting;
CREATE UNIQUE INDEX ON ways (id); ANALYZE ways`
	// goOnSQL doubles the length of the ways that have not come to their ends.
	goOnSQL = `UPDATE ways w SET at = n.at, least = least(w.least, n.least) FROM ways n WHERE n.id = w.at`
	// aliasesSQL makes the aliases of ways that are long enough: what is not at its
	// end then is in a cycle, round which its least id was seen.
	aliasesSQL = `INSERT INTO relay_store.aliases_g<generation> (id, user_id, since, log_offset, log_index, distinct_id)
SELECT w.id, w.user_id, w.since, w.log_offset, w.log_index, coalesce(c.least, w.at) FROM ways w LEFT JOIN ways c ON c.id = w.at;
ANALYZE relay_store.aliases_g<generation>`
	claimsSQL = `INSERT INTO relay_store.claims_g<generation> (id, user_id, since, log_offset, log_index, distinct_id)
SELECT c.id, c.user_id, c.since, c.log_offset, c.log_index, coalesce(a.distinct_id, c.user_id)
FROM (` + countingLinks + `) c LEFT JOIN relay_store.aliases_g<generation> a ON a.id = c.user_id`
)

// finishLinks makes the tables of links of what was kept, unless it was done
// before. It tells whether the generation joins ids. The server does it all, so
// links may be as many as they like.
func finishLinks(ctx context.Context, db *sql.DB, generation int64) (joins bool, err error) {
	err = inLoadTx(ctx, db, func(tx *sql.Tx) error {
		if joins, err = JoinsIDs(ctx, tx, generation); err != nil || !joins {
			return err
		}
		kept, err := hasTable(ctx, tx, loadedLinksTable, generation)
		if err != nil || !kept {
			return err
		}
		return makeLinks(ctx, tx, generation)
	})
	return joins, err
}

// makeLinks makes the tables of links, and their indexes, of what was kept.
func makeLinks(ctx context.Context, tx *sql.Tx, generation int64) error {
	if err := makeAliases(ctx, tx, generation); err != nil {
		return fmt.Errorf("make aliases: %w", err)
	}
	if _, err := tx.ExecContext(ctx, postgres.SQL(claimsSQL, "generation", generation, "alias", false)); err != nil {
		return fmt.Errorf("make claims: %w", err)
	}
	return execFor(ctx, tx, loadedLinksDrop+";"+linksIndexes, generation)
}

// makeAliases finds what stands for the ids that have aliases, in about as many
// steps as the logarithm of their number.
func makeAliases(ctx context.Context, tx *sql.Tx, generation int64) error {
	if _, err := tx.ExecContext(ctx, postgres.SQL(waysDDL, "generation", generation, "alias", true)); err != nil {
		return err
	}
	var ids int64
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM ways`).Scan(&ids); err != nil {
		return err
	}
	for length := int64(1); length < 2*ids; length *= 2 {
		result, err := tx.ExecContext(ctx, goOnSQL)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			break
		}
	}
	return execFor(ctx, tx, aliasesSQL, generation)
}
