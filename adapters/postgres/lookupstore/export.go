package lookupstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/ingeststore"
	"relay/app"
	"relay/app/erasure"
)

var _ erasure.PersonReader = People{}

// exportSQL reads a group's rows, a query a view.
var exportSQL = []string{
	`SELECT jsonb_build_object('kind', 'profile') || to_jsonb(p) FROM relay.profiles p WHERE distinct_id = ANY ($1)`,
	`SELECT jsonb_build_object('kind', 'channel') || to_jsonb(c) FROM relay.profile_channels c
WHERE distinct_id = ANY ($1) ORDER BY channel, first_seen_at, value`,
	`SELECT jsonb_build_object('kind', 'identity') || (to_jsonb(i) - 'kind') || jsonb_build_object('id_kind', i.kind) FROM relay.identities i
WHERE distinct_id = ANY ($1) ORDER BY since, id`,
	`SELECT jsonb_build_object('kind', 'event') || to_jsonb(e) FROM relay.events e
WHERE distinct_id = ANY ($1) ORDER BY log_offset, log_index`,
}

// exportUnjoinedSQL reads events of anonymous ids that profiles join and events do
// not.
const exportUnjoinedSQL = `SELECT jsonb_build_object('kind', 'event') || to_jsonb(e) FROM relay.events e
WHERE distinct_id IS NULL AND anonymous_id = ANY ($1) ORDER BY log_offset, log_index`

const exportRejectedSQL = `SELECT jsonb_build_object('kind', 'rejected', 'id', id, 'request_id', request_id, 'received_at', received_at,
    'source', source,
    'code', code, 'body_base64', replace(encode(body, 'base64'), E'\n', '')) FROM relay.rejected WHERE id = ANY ($1) ORDER BY id`

// Whose implements erasure.PersonReader.
func (People) Whose(ctx context.Context, tx app.Tx, id string) (user string, err error) {
	err = tx.QueryRowContext(ctx, userSQL, postgres.Storable(id)).Scan(&user)
	return user, postgres.Translate(err)
}

// Rows implements erasure.PersonReader.
func (People) Rows(ctx context.Context, tx app.Tx, g erasure.Group, each func([]byte) error) error {
	for _, query := range exportSQL {
		if err := eachJSON(ctx, tx, each, query, pq.Array(storable(g.Users))); err != nil {
			return err
		}
	}
	if len(g.Anonymous) > 0 {
		if err := eachJSON(ctx, tx, each, exportUnjoinedSQL, pq.Array(storable(g.Anonymous))); err != nil {
			return err
		}
	}
	var rejected []int64
	for _, id := range slices.Concat(g.Users, g.Anonymous) {
		found, err := ingeststore.RejectedNaming(ctx, tx, id, 0)
		if err != nil {
			return err
		}
		rejected = append(rejected, found...)
	}
	return eachJSON(ctx, tx, each, exportRejectedSQL, pq.Array(rejected))
}

// storable makes the ids as the views have them.
func storable(ids []string) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = postgres.Storable(id)
	}
	return list
}

func eachJSON(ctx context.Context, tx *sql.Tx, each func([]byte) error, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read a person's rows: %w", err)
	}
	defer rows.Close()
	var row sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&row); err != nil {
			return fmt.Errorf("read a person's rows: %w", err)
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return rows.Err()
}
