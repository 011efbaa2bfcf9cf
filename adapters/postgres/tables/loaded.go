package tables

import (
	"context"
	"database/sql"
	"fmt"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// A generation that is being loaded has one more table, loaded_gN: the ranges
// of the log that its rows stand for. Where rows are kept in tables that a crash
// of the server empties, so is this one, and the load begins anew.
const (
	loadedDDL         = `CREATE TABLE relay_store.loaded_g<generation> (after_offset bigint NOT NULL, up_to bigint NOT NULL)`
	loadedUnloggedDDL = `CREATE UNLOGGED TABLE relay_store.loaded_g<generation> (after_offset bigint NOT NULL, up_to bigint NOT NULL)`
	loadedDrop        = `DROP TABLE IF EXISTS relay_store.loaded_g<generation>`
	noteLoadedSQL     = `INSERT INTO relay_store.loaded_g<generation> SELECT * FROM unnest($1::bigint[], $2::bigint[])`
	readLoadedSQL     = `SELECT after_offset, up_to FROM relay_store.loaded_g<generation>`
)

// inLoadTx is inTx for what a loader keeps. It does not wait for the disk: rows
// and the ranges that they stand for would be lost together in a crash of the
// server, and a generation is served by a transaction that waits for all before
// it.
func inLoadTx(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	return postgres.InTx(ctx, db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		return do(tx)
	})
}

// noteLoaded notes ranges and what was ignored in them, in the transaction that
// keeps their rows.
func noteLoaded(ctx context.Context, tx *sql.Tx, generation int64, ranges []eventlog.Range, ignored projections.Issues) error {
	c := wire.NewColumns(wire.OIDInt8, wire.OIDInt8)
	for _, r := range ranges {
		c[0].Int8(int64(r.After))
		c[1].Int8(int64(r.UpTo))
	}
	if _, err := tx.ExecContext(ctx, postgres.SQL(noteLoadedSQL, "generation", generation), wire.Arguments(c)...); err != nil {
		return fmt.Errorf("note what is loaded: %w", err)
	}
	if err := (Issues{}).AddIssues(ctx, tx, generation, ignored); err != nil {
		return fmt.Errorf("note what was ignored: %w", err)
	}
	return nil
}

func readLoaded(ctx context.Context, tx app.Tx, generation int64) ([]eventlog.Range, error) {
	rows, err := tx.QueryContext(ctx, postgres.SQL(readLoadedSQL, "generation", generation))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ranges []eventlog.Range
	for rows.Next() {
		var r eventlog.Range
		if err := rows.Scan(&r.After, &r.UpTo); err != nil {
			return nil, err
		}
		ranges = append(ranges, r)
	}
	return ranges, rows.Err()
}

// Loaded implements app.Loading.
func (Profiles) Loaded(ctx context.Context, tx app.Tx, generation int64) ([]eventlog.Range, error) {
	return readLoaded(ctx, tx, generation)
}

// Loaded implements app.Loading.
func (Events) Loaded(ctx context.Context, tx app.Tx, generation int64) ([]eventlog.Range, error) {
	return readLoaded(ctx, tx, generation)
}

// Nobody vacuums or analyzes a table while it is loaded, over and over as it
// grows: the loader analyzes it at the end.
const (
	noAutovacuum = `ALTER TABLE relay_store.<table>_g<generation> SET (autovacuum_enabled = off)`
	autovacuum   = `ALTER TABLE relay_store.<table>_g<generation> RESET (autovacuum_enabled)`
)

// Complete implements app.Schema.
func (p Profiles) Complete(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, p.statements(generation, autovacuum)+";"+loadedDrop, generation)
}

// Complete implements app.Schema.
func (Events) Complete(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, postgres.SQL(autovacuum, "table", projections.Events, "generation", generation)+";"+loadedDrop, generation)
}
