package tables

import (
	"context"
	"database/sql"
	"fmt"
)

// A generation whose mappings join ids has two tables of links, the others have
// none:
//
//	claims_gN   the claim that counts for each anonymous id
//	aliases_gN  the alias that counts for each user id
//
// Each row names, with the user that its id leads to, the id that stands for
// that user in the end. A new link changes that for the ids that lead through
// it, and for no others.

const linksDDL = `
CREATE TABLE relay_store.claims_g<generation> (
    id          text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    since       timestamptz      NOT NULL,
    log_offset  bigint           NOT NULL,
    log_index   integer          NOT NULL,
    distinct_id text COLLATE "C" NOT NULL
);
CREATE TABLE relay_store.aliases_g<generation> (
    id          text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    since       timestamptz      NOT NULL,
    log_offset  bigint           NOT NULL,
    log_index   integer          NOT NULL,
    distinct_id text COLLATE "C" NOT NULL
)`

const linksIndexes = `
CREATE UNIQUE INDEX IF NOT EXISTS claims_g<generation>_id ON relay_store.claims_g<generation> (id);
CREATE INDEX IF NOT EXISTS claims_g<generation>_person ON relay_store.claims_g<generation> (distinct_id, user_id);
CREATE UNIQUE INDEX IF NOT EXISTS aliases_g<generation>_id ON relay_store.aliases_g<generation> (id);
CREATE INDEX IF NOT EXISTS aliases_g<generation>_user ON relay_store.aliases_g<generation> (user_id);
CREATE INDEX IF NOT EXISTS aliases_g<generation>_person ON relay_store.aliases_g<generation> (distinct_id);
ANALYZE relay_store.claims_g<generation>, relay_store.aliases_g<generation>`

const linksDrop = `
DROP TABLE IF EXISTS relay_store.claims_g<generation>, relay_store.aliases_g<generation>, relay_store.links_g<generation>`

// The tables of links, without the generation.
const (
	claimsTable  = "claims"
	aliasesTable = "aliases"
)

// hasTable tells whether a generation has a table of that name.
func hasTable(ctx context.Context, tx *sql.Tx, table string, generation int64) (has bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, tableOf(table, generation)).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for the table %s of generation %d: %w", table, generation, err)
	}
	return has, nil
}

// JoinsIDs tells whether a generation's mappings join ids.
func JoinsIDs(ctx context.Context, tx *sql.Tx, generation int64) (bool, error) {
	return hasTable(ctx, tx, claimsTable, generation)
}

// addLinks makes the tables of links of a generation that follows the log, and
// tells whether they were missing.
func addLinks(ctx context.Context, tx *sql.Tx, generation int64) (created bool, err error) {
	there, err := JoinsIDs(ctx, tx, generation)
	if err != nil || there {
		return false, err
	}
	return true, execFor(ctx, tx, linksDDL+";"+linksIndexes, generation)
}
