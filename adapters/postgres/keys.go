package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"relay/app"
)

// Keys implements app.KeyStore. Secrets are 256 random bits, so one SHA-256
// hides them as well as a slow hash would.
type Keys struct {
	DB *sql.DB
}

var _ app.KeyStore = Keys{}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Create implements app.KeyStore.
func (k Keys) Create(ctx context.Context, name, secret string, signingSecret []byte) error {
	_, err := k.DB.ExecContext(ctx, `INSERT INTO relay_store.api_keys (name, hash, signing_secret) VALUES ($1, $2, $3)`,
		name, hashOf(secret), signingSecret)
	if hasCode(err, codeUniqueViolation) {
		return fmt.Errorf("key %q %w; revoke it first or choose another name", name, app.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("store the key %q: %w", name, err)
	}
	return nil
}

// CreateFirst implements app.KeyStore.
func (k Keys) CreateFirst(ctx context.Context, name, secret string) (created bool, err error) {
	err = inTx(ctx, k.DB, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `LOCK TABLE relay_store.api_keys IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `INSERT INTO relay_store.api_keys (name, hash)
SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM relay_store.api_keys)`, name, hashOf(secret))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		created = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store the first key: %w", err)
	}
	return created, nil
}

// List implements app.KeyStore.
func (k Keys) List(ctx context.Context) ([]app.KeyInfo, error) {
	rows, err := k.DB.QueryContext(ctx, `SELECT name, signing_secret IS NOT NULL, created_at, revoked_at FROM relay_store.api_keys ORDER BY created_at, name`)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	defer rows.Close()
	list := []app.KeyInfo{}
	for rows.Next() {
		var i app.KeyInfo
		if err := rows.Scan(&i.Name, &i.Signed, &i.CreatedAt, &i.RevokedAt); err != nil {
			return nil, fmt.Errorf("list the keys: %w", err)
		}
		list = append(list, i)
	}
	return list, rows.Err()
}

// Revoke implements app.KeyStore.
func (k Keys) Revoke(ctx context.Context, name string) error {
	result, err := k.DB.ExecContext(ctx, `UPDATE relay_store.api_keys SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL`, name)
	if err != nil {
		return fmt.Errorf("revoke the key %q: %w", name, err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return fmt.Errorf("key %q %w among those that are not revoked", name, app.ErrNotFound)
	}
	return nil
}
