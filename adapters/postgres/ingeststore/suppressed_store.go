package ingeststore

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"relay/app"
	"relay/app/erasure"
)

// Add implements erasure.SuppressedStore.
func (s *Suppressed) Add(ctx context.Context, id string, keys []string) error {
	person := s.hash(id)
	_, err := s.db.ExecContext(ctx, `INSERT INTO relay_store.suppressed (hash, person)
SELECT hash, $2 FROM unnest($1::bytea[]) AS k(hash) ON CONFLICT DO NOTHING`, s.hashes(keys), person[:])
	return err
}

// Remove implements erasure.SuppressedStore.
func (s *Suppressed) Remove(ctx context.Context, id string) error {
	hash := s.hash(id)
	return s.remove(ctx, `person IN (SELECT person FROM relay_store.suppressed WHERE hash = $1)`, hash[:])
}

// RemoveMarked implements erasure.SuppressedStore.
func (s *Suppressed) RemoveMarked(ctx context.Context, mark string) error {
	return s.remove(ctx, markSQL+` = $1`, mark)
}

func (s *Suppressed) remove(ctx context.Context, where string, arg any) error {
	result, err := s.db.ExecContext(ctx, `DELETE FROM relay_store.suppressed WHERE `+where, arg)
	if err != nil {
		return fmt.Errorf("lift a suppression: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return fmt.Errorf("%w: the person is not suppressed", app.ErrNotFound)
	}
	return nil
}

// markSQL is the mark of a person: as much of the hash as tells people apart.
const markSQL = `left(encode(person, 'hex'), 16)`

const listSuppressedSQL = `SELECT ` + markSQL + `, count(*), min(created_at), sum(hits)::bigint, max(last_hit_at), count(*) OVER ()
FROM relay_store.suppressed
WHERE $1::bytea[] IS NULL OR person IN (SELECT person FROM relay_store.suppressed WHERE hash = ANY ($1))
GROUP BY person ORDER BY min(created_at) DESC, person LIMIT $2`

// List implements erasure.SuppressedStore.
func (s *Suppressed) List(ctx context.Context, keys []string, limit int) (list []erasure.SuppressedPerson, total int, err error) {
	list = []erasure.SuppressedPerson{}
	rows, err := s.db.QueryContext(ctx, listSuppressedSQL, s.hashes(keys), limit)
	if err != nil {
		return nil, 0, fmt.Errorf("list who is suppressed: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p erasure.SuppressedPerson
		if err := rows.Scan(&p.Mark, &p.IDs, &p.Since, &p.Dropped, &p.LastDroppedAt, &total); err != nil {
			return nil, 0, err
		}
		list = append(list, p)
	}
	return list, total, rows.Err()
}

// hashes returns those of keys; nil of none.
func (s *Suppressed) hashes(keys []string) (hashes pq.ByteaArray) {
	for _, key := range keys {
		hash := s.hash(key)
		hashes = append(hashes, hash[:])
	}
	return hashes
}
