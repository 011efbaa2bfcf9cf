package ingeststore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
)

// SigningSecrets implements ingest.SigningSecretStore.
type SigningSecrets struct {
	DB *sql.DB
}

var _ ingest.SigningSecretStore = SigningSecrets{}

func insertSigningSecret(ctx context.Context, tx *sql.Tx, name string, secret []byte) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO relay_store.signing_secrets (name, secret) VALUES ($1, $2)`, name, secret)
	return err
}

// Add implements ingest.SigningSecretStore.
func (s SigningSecrets) Add(ctx context.Context, name string, secret []byte) error {
	err := postgres.InTx(ctx, s.DB, func(tx *sql.Tx) error {
		// The row lock makes a revocation wait, which removes the secrets.
		result, err := tx.ExecContext(ctx, `SELECT FROM relay_store.api_keys WHERE name = $1 AND revoked_at IS NULL FOR UPDATE`, name)
		if err := wantRows(result, err); err != nil {
			return err
		}
		return insertSigningSecret(ctx, tx, name, secret)
	})
	if postgres.HasCode(err, postgres.CodeUniqueViolation) {
		return fmt.Errorf("this signing secret of key %q %w", name, ingest.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("add a signing secret to key %q: %w", name, err)
	}
	return nil
}

// List implements ingest.SigningSecretStore.
func (s SigningSecrets) List(ctx context.Context, name string) ([]ingest.SigningSecretInfo, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT s.id, s.added_at, s.last_used_at
FROM (SELECT DISTINCT name FROM relay_store.api_keys WHERE name = $1 AND revoked_at IS NULL) k
LEFT JOIN relay_store.signing_secrets s USING (name) ORDER BY s.id`, name)
	if err != nil {
		return nil, fmt.Errorf("list the signing secrets of key %q: %w", name, err)
	}
	defer rows.Close()
	list, known := []ingest.SigningSecretInfo{}, false
	for rows.Next() {
		var id sql.NullInt64
		var added sql.NullTime
		var used *time.Time
		if err := rows.Scan(&id, &added, &used); err != nil {
			return nil, fmt.Errorf("list the signing secrets of key %q: %w", name, err)
		}
		known = true
		if id.Valid {
			list = append(list, ingest.SigningSecretInfo{ID: id.Int64, AddedAt: added.Time, LastUsedAt: used})
		}
	}
	if err := rows.Err(); err != nil || known {
		return list, err
	}
	return nil, fmt.Errorf("key %q %w among the keys that are not revoked", name, app.ErrNotFound)
}

// Remove implements ingest.SigningSecretStore.
func (s SigningSecrets) Remove(ctx context.Context, name string, id int64) (left int, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM relay_store.signing_secrets WHERE name = $1 AND id = $2`, name, id)
		if err := wantRows(result, err); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM relay_store.signing_secrets WHERE name = $1`, name).Scan(&left)
	})
	if err != nil {
		return 0, fmt.Errorf("remove signing secret %d of key %q: %w", id, name, err)
	}
	return left, nil
}
