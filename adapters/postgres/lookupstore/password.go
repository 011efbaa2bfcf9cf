package lookupstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"relay/adapters/postgres"
	"relay/app"
)

// Password implements app.PasswordStore.
type Password struct {
	DB *sql.DB
}

var _ app.PasswordStore = Password{}

// Read implements app.PasswordStore.
func (p Password) Read(ctx context.Context) (hash string, err error) {
	err = p.DB.QueryRowContext(ctx, `SELECT hash FROM relay_store.admin_password`).Scan(&hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the console's password: %w", postgres.Translate(err))
	}
	return hash, nil
}

// Write implements app.PasswordStore.
func (p Password) Write(ctx context.Context, hash string) error {
	query, args := `INSERT INTO relay_store.admin_password (hash) VALUES ($1)
ON CONFLICT (only_one) DO UPDATE SET hash = excluded.hash, set_at = now()`, []any{hash}
	if hash == "" {
		query, args = `DELETE FROM relay_store.admin_password`, nil
	}
	if _, err := p.DB.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("store the console's password: %w", postgres.Translate(err))
	}
	return nil
}
