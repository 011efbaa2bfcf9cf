package tables

import (
	"context"
	"database/sql"
	"fmt"

	"relay/adapters/postgres"
	"relay/app"
	"relay/projections"
)

// SearchIndex implements app.SearchIndex: an index of the channels' values, made
// beside the traffic that goes on. Making it with a generation's other indexes
// would keep the generation from being served for a fifth longer.
type SearchIndex struct {
	DB *sql.DB
}

var _ app.SearchIndex = SearchIndex{}

// searchIndexKey is the advisory lock under which search indexes are made.
const searchIndexKey = "1919249779, 4"

// How long making one may wait for transactions that began before it, since it
// keeps re-projections from renaming the table meanwhile, and how long it may
// take in all.
const searchIndexPatience = `SET lock_timeout = '10s'; SET statement_timeout = '15min'`

// Ensure implements app.SearchIndex.
func (s SearchIndex) Ensure(ctx context.Context) (made bool, err error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return false, fmt.Errorf("connect to index channel values: %w", err)
	}
	defer conn.Close()
	tables, err := s.missing(ctx, conn)
	if err != nil || len(tables) == 0 {
		return false, err
	}
	err = alone(ctx, conn, func() error {
		for _, table := range tables {
			if err := makeSearchIndex(ctx, conn, table); err != nil {
				return fmt.Errorf("index the values in %s: %w", table, err)
			}
		}
		made = true
		return nil
	})
	return made, err
}

// missing returns the served tables that have no such index, unless they are
// about to be replaced, or were served a moment ago: one re-projection often
// follows another.
func (s SearchIndex) missing(ctx context.Context, conn *sql.Conn) (tables []string, err error) {
	var busy bool
	var id int64
	err = conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM relay_store.reprojections WHERE status = 'running' OR finished_at > now() - interval '1 minute'),
       (SELECT id FROM relay_store.generations WHERE projection = $1 AND status = 'serving')`, projections.Profiles).Scan(&busy, &id)
	if err != nil || busy {
		return nil, err
	}
	for _, set := range []StateSet{OwnStates, JoinedStates} {
		table := fmt.Sprintf("relay_store.%schannels_g%d", set, id)
		var lacks bool
		err := conn.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass($1) AND NOT indisprimary AND indisvalid)`, table).Scan(&lacks)
		if err != nil {
			return nil, fmt.Errorf("look at the indexes of %s: %w", table, err)
		}
		if lacks {
			tables = append(tables, table)
		}
	}
	return tables, nil
}

// alone does it unless another process is at it, and gives the connection back as
// it was.
func alone(ctx context.Context, conn *sql.Conn, do func() error) error {
	var mine bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(`+searchIndexKey+`)`).Scan(&mine); err != nil || !mine {
		return err
	}
	defer postgres.Unlock(conn, `RESET lock_timeout; RESET statement_timeout; SELECT pg_advisory_unlock(`+searchIndexKey+`)`)
	if _, err := conn.ExecContext(ctx, searchIndexPatience); err != nil {
		return err
	}
	return do()
}

// makeSearchIndex makes the table's index, after dropping what an attempt before
// it left.
func makeSearchIndex(ctx context.Context, conn *sql.Conn, table string) error {
	var left sql.NullString
	err := conn.QueryRowContext(ctx, `SELECT min(indexrelid::regclass::text) FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary AND NOT indisvalid`, table).Scan(&left)
	if err != nil {
		return err
	}
	if left.Valid {
		if _, err := conn.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+left.String); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "CREATE INDEX CONCURRENTLY ON "+table+" USING gin (channels jsonb_path_ops)")
	return err
}
