package ingeststore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
)

// Keys implements ingest.KeyStore. Secrets are 256 random bits, so one SHA-256
// hides them as well as a slow hash would.
type Keys struct {
	DB *sql.DB
}

var _ ingest.KeyStore = Keys{}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Create implements ingest.KeyStore.
func (k Keys) Create(ctx context.Context, name, secret string, signingSecret []byte) error {
	err := postgres.InTx(ctx, k.DB, func(tx *sql.Tx) error {
		if err := insertKey(ctx, tx, name, secret); err != nil || signingSecret == nil {
			return err
		}
		return insertSigningSecret(ctx, tx, name, signingSecret)
	})
	if postgres.HasCode(err, postgres.CodeUniqueViolation) {
		return fmt.Errorf("key %q %w; rotate it, revoke it first, or choose another name", name, ingest.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("store the key %q: %w", name, err)
	}
	return nil
}

func insertKey(ctx context.Context, tx *sql.Tx, name, secret string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO relay_store.api_keys (name, hash) VALUES ($1, $2)`, name, hashOf(secret))
	return err
}

// Replace implements ingest.KeyStore.
func (k Keys) Replace(ctx context.Context, name, secret string) error {
	err := postgres.InTx(ctx, k.DB, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE relay_store.api_keys SET replaced_at = now()
WHERE name = $1 AND revoked_at IS NULL AND replaced_at IS NULL`, name)
		if err := wantRows(result, err); err != nil {
			return err
		}
		return insertKey(ctx, tx, name, secret)
	})
	if err != nil {
		return fmt.Errorf("replace the key %q: %w", name, err)
	}
	return nil
}

// CreateFirst implements ingest.KeyStore.
func (k Keys) CreateFirst(ctx context.Context, name, secret string) (created bool, err error) {
	err = postgres.InTx(ctx, k.DB, func(tx *sql.Tx) error {
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

// List implements ingest.KeyStore.
func (k Keys) List(ctx context.Context) ([]ingest.KeyInfo, error) {
	rows, err := k.DB.QueryContext(ctx, `SELECT name, revoked_at IS NULL
           AND EXISTS (SELECT FROM relay_store.signing_secrets s WHERE s.name = k.name),
       created_at, (SELECT last_used_at FROM relay_store.key_uses u WHERE u.hash = k.hash), replaced_at, revoked_at
FROM relay_store.api_keys k
UNION ALL
SELECT name, false, NULL, max(last_used_at), NULL, NULL FROM relay_store.key_uses WHERE name = $1 GROUP BY name
ORDER BY 3, 1`, ingest.EnvKeyName)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	defer rows.Close()
	list := []ingest.KeyInfo{}
	for rows.Next() {
		var i ingest.KeyInfo
		var created sql.NullTime
		if err := rows.Scan(&i.Name, &i.Signed, &created, &i.LastUsedAt, &i.ReplacedAt, &i.RevokedAt); err != nil {
			return nil, fmt.Errorf("list the keys: %w", err)
		}
		i.CreatedAt = created.Time
		list = append(list, i)
	}
	return list, rows.Err()
}

// Revoke implements ingest.KeyStore.
func (k Keys) Revoke(ctx context.Context, name string, replacedOnly bool) (lastUsed *time.Time, err error) {
	err = postgres.InTx(ctx, k.DB, func(tx *sql.Tx) error {
		var revoked int
		err := tx.QueryRowContext(ctx, `WITH revoked AS (
    UPDATE relay_store.api_keys SET revoked_at = now()
    WHERE name = $1 AND revoked_at IS NULL AND (replaced_at IS NOT NULL OR NOT $2) RETURNING hash)
SELECT count(*), max(last_used_at) FROM revoked LEFT JOIN relay_store.key_uses USING (hash)`, name, replacedOnly).Scan(&revoked, &lastUsed)
		if err == nil && revoked == 0 {
			return fmt.Errorf("%w among the keys that can be revoked", app.ErrNotFound)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM relay_store.signing_secrets s WHERE name = $1
AND NOT EXISTS (SELECT FROM relay_store.api_keys k WHERE k.name = s.name AND revoked_at IS NULL)`, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("revoke the key %q: %w", name, err)
	}
	return lastUsed, nil
}

// wantRows returns app.ErrNotFound for a statement that found no row to change.
func wantRows(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return app.ErrNotFound
	}
	return err
}
