package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the schema up to date. Several processes may do so at once: one
// works, the others wait. It returns how many migrations it ran.
func Migrate(ctx context.Context, db *sql.DB, migrations fs.FS) (int, error) {
	if err := checkServer(ctx, db); err != nil {
		return 0, err
	}
	if err := ensureSchema(ctx, db); err != nil {
		return 0, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return 0, fmt.Errorf("prepare the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations,
		goose.WithTableName("relay_store.schema_migrations"), goose.WithSessionLocker(locker))
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return len(results), fmt.Errorf("migrate the schema: %w", err)
	}
	return len(results), nil
}

// ensureSchema makes the schema of relay's own tables. Where it is there already
// nothing is written, so that a database that takes no writes can be looked at.
func ensureSchema(ctx context.Context, db *sql.DB) error {
	var there bool
	if err := db.QueryRowContext(ctx, `SELECT to_regnamespace('relay_store') IS NOT NULL`).Scan(&there); err != nil {
		return fmt.Errorf("look for relay's schema: %w", err)
	}
	if there {
		return nil
	}
	if _, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS relay_store`); err != nil && !isDuplicate(err) {
		return fmt.Errorf("create relay's schema (does the user have CREATE on the database?): %w", err)
	}
	return nil
}

// checkServer refuses what relay cannot work with: an old server, and a database
// that cannot hold every text that JSON can.
func checkServer(ctx context.Context, db *sql.DB) error {
	var version int
	var name, encoding string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int,
       current_setting('server_version'), current_setting('server_encoding')`).
		Scan(&version, &name, &encoding)
	switch {
	case err != nil:
		return fmt.Errorf("ask the server for its version: %w", err)
	case version < 140000:
		return fmt.Errorf("the server is PostgreSQL %s; relay needs 14 or later", name)
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s; relay needs UTF8: CREATE DATABASE relay ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}
