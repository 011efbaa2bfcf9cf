// Package postgrestest opens databases for the tests of the packages below
// adapters/postgres. Only tests import it.
package postgrestest

import (
	"context"
	"database/sql"
	"testing"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres"
	"relay/migrations"
)

// Open opens a new, empty database.
func Open(t *testing.T) *sql.DB {
	t.Helper()
	return OpenURL(t, pgtest.URL(t))
}

// OpenMigrated opens a new database whose schema is up to date.
func OpenMigrated(t *testing.T) *sql.DB {
	t.Helper()
	return OpenURL(t, pgtest.New(t, Migrate))
}

// Migrate brings the schema of the database at url up to date. It is what
// pgtest.New prepares a template with.
func Migrate(url string) error {
	db, err := postgres.Open(context.Background(), url, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = postgres.Migrate(context.Background(), db, migrations.FS)
	return err
}

// OpenURL opens the database at url until the test ends.
func OpenURL(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
