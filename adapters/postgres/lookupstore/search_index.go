package lookupstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"relay/adapters/postgres"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/projections"
)

// SearchIndex implements app.SearchIndex: indexes of the channels' values, and of
// the events of anonymous ids, made beside the traffic that goes on. Making them
// with a generation's other indexes would keep the generation from being served for
// a fifth longer.
type SearchIndex struct {
	DB *sql.DB
}

var _ app.SearchIndex = SearchIndex{}

// How long making one may wait for transactions that began before it, since it
// keeps re-projections from renaming the table meanwhile, and how long it may
// take in all.
const searchIndexPatience = `SET lock_timeout = '10s'; SET statement_timeout = '15min'`

// Ensure implements app.SearchIndex.
func (s SearchIndex) Ensure(ctx context.Context) (made bool, err error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return false, fmt.Errorf("connect to make the search indexes: %w", err)
	}
	defer conn.Close()
	indexes, err := s.missing(ctx, conn)
	if err != nil || len(indexes) == 0 {
		return false, err
	}
	err = alone(ctx, conn, func() error {
		for _, index := range indexes {
			if err := index.make(ctx, conn); err != nil {
				return fmt.Errorf("index %s for searches: %w", index.table, err)
			}
		}
		made = true
		return nil
	})
	return made, err
}

// searchIndex is an index that searches need, and with which tables are made
// without.
type searchIndex struct {
	table, create string
	named         string // its name; empty: the table's only one besides the primary key
}

// searchIndexes are those of the generations that are served.
func searchIndexes(profiles, events int64) (list []searchIndex) {
	for _, set := range []tables.StateSet{tables.OwnStates, tables.JoinedStates} {
		table := postgres.SQL("relay_store.<set>channels_g<generation>", "set", set, "generation", profiles)
		list = append(list, searchIndex{table: table, create: "CREATE INDEX CONCURRENTLY ON " + table + " USING gin (channels jsonb_path_ops)"})
	}
	return append(list, searchIndex{
		table:  postgres.SQL("relay_store.events_g<generation>", "generation", events),
		named:  postgres.SQL("events_g<generation>_anonymous", "generation", events),
		create: strings.Replace(postgres.SQL(tables.EventsJoinedIndex, "generation", events), "CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1),
	})
}

// missing returns the indexes that are not there, unless the tables are about to
// be replaced, or were served a moment ago: one re-projection often follows
// another.
func (s SearchIndex) missing(ctx context.Context, conn *sql.Conn) (indexes []searchIndex, err error) {
	var busy bool
	var profiles, events int64
	err = conn.QueryRowContext(ctx, `SELECT EXISTS (
           SELECT FROM relay_store.reprojections WHERE status = 'running' OR finished_at > now() - interval '1 minute'),
       (SELECT id FROM relay_store.generations WHERE projection = $1 AND status = 'serving'),
       (SELECT id FROM relay_store.generations WHERE projection = $2 AND status = 'serving')`,
		projections.Profiles, projections.Events).Scan(&busy, &profiles, &events)
	if err != nil || busy {
		return nil, err
	}
	for _, index := range searchIndexes(profiles, events) {
		var lacks bool
		err := conn.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL AND NOT EXISTS (
SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass($1) AND NOT i.indisprimary AND i.indisvalid AND ($2::text = '' OR c.relname = $2::text))`,
			index.table, index.named).Scan(&lacks)
		if err != nil {
			return nil, fmt.Errorf("look at the indexes of %s: %w", index.table, err)
		}
		if lacks {
			indexes = append(indexes, index)
		}
	}
	return indexes, nil
}

// alone does it unless another process is at it, and gives the connection back as
// it was.
func alone(ctx context.Context, conn *sql.Conn, do func() error) error {
	var mine bool
	if err := conn.QueryRowContext(ctx, `SELECT `+postgres.SearchIndexes.Try()).Scan(&mine); err != nil || !mine {
		return err
	}
	defer postgres.Unlock(conn, `RESET lock_timeout; RESET statement_timeout; SELECT `+postgres.SearchIndexes.Unlock())
	if _, err := conn.ExecContext(ctx, searchIndexPatience); err != nil {
		return err
	}
	return do()
}

// make makes the index, after dropping what an interrupted attempt left.
func (i searchIndex) make(ctx context.Context, conn *sql.Conn) error {
	var left sql.NullString
	err := conn.QueryRowContext(ctx, `SELECT min(indexrelid::regclass::text) FROM pg_index
WHERE indrelid = $1::regclass AND NOT indisprimary AND NOT indisvalid`, i.table).Scan(&left)
	if err != nil {
		return err
	}
	if left.Valid {
		if _, err := conn.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+left.String); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, i.create)
	return err
}
