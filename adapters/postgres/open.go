// Package postgres keeps relay's state in Postgres: tables of generations, the
// views on them, mapping versions, keys, rejected bodies and re-projections.
// The log itself is in logstore.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lib/pq"
)

// connectWithin is how long the server may take to accept a connection, where the
// URL says nothing of that. One that answers nothing would block the pool.
const connectWithin = 10 * time.Second

// Open connects to the database that the URL (or key=value string) names, and
// returns once it answers. Parameters travel in binary form.
func Open(ctx context.Context, url string, connections int) (*sql.DB, error) {
	config, err := configOf(url)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(newConnector(config))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("connect to the database at %s:%d: %w", config.Host, config.Port, err)
	}
	return db, nil
}

// configOf reads a URL, and says what relay wants where the URL does not.
func configOf(url string) (pq.Config, error) {
	config, err := pq.NewConfig(url)
	if err != nil {
		return config, fmt.Errorf("read the database URL: %w", err)
	}
	config.BinaryParameters = true
	if config.SSLMode == "" {
		config.SSLMode = pq.SSLModePrefer // as psql does, so that one URL works in both
	}
	if config.ApplicationName == "" {
		config.ApplicationName = "relay"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
	}
	return config, nil
}

// InTx runs do in a transaction, which commits when do returns nil.
func InTx(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the first error tells more
		return err
	}
	return tx.Commit()
}
