package ingeststore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lib/pq"

	"relay/app"
	"relay/app/erasure"
)

// Suppressed implements app.Suppressed from memory, and erasure.SuppressedStore. Of
// an id it keeps the HMAC-SHA256 under a random key of the database, so that the
// table alone does not reveal who is in it. Beside each stands the hash of the id
// that the person was suppressed by, so that all ids of a person can be removed
// together.
type Suppressed struct {
	db  *sql.DB
	key []byte
	any atomic.Bool

	mu   sync.RWMutex
	hits map[suppressedHash]*atomic.Int64 // calls dropped that are not noted yet
}

type suppressedHash [sha256.Size]byte

var (
	_ app.Suppressed          = (*Suppressed)(nil)
	_ erasure.SuppressedStore = (*Suppressed)(nil)
)

// suppressedAge is how often Run reads who is suppressed.
const suppressedAge = erasure.SuppressedWithin / 4

// NewSuppressed reads who is suppressed in db. Run keeps it up to date.
func NewSuppressed(ctx context.Context, db *sql.DB) (*Suppressed, error) {
	s := &Suppressed{db: db, hits: map[suppressedHash]*atomic.Int64{}}
	if err := db.QueryRowContext(ctx, `SELECT key FROM relay_store.suppression_key`).Scan(&s.key); err != nil {
		return nil, fmt.Errorf("read the suppression key: %w", err)
	}
	return s, s.refresh(ctx)
}

// Run reads who is suppressed, and notes how many of their calls were dropped,
// until ctx ends.
func (s *Suppressed) Run(ctx context.Context) {
	tick := time.NewTicker(suppressedAge)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			_ = s.noteHits(last) // counts of a second are no loss
			return
		case <-tick.C:
			bounded, cancel := context.WithTimeout(ctx, suppressedAge)
			if s.refresh(bounded) == nil { // while the database is away no payload is accepted
				_ = s.noteHits(bounded) // or with the next tick
			}
			cancel()
		}
	}
}

// Any implements app.Suppressed.
func (s *Suppressed) Any() bool { return s.any.Load() }

// Drops implements app.Suppressed.
func (s *Suppressed) Drops(key string) bool {
	hash := s.hash(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	hits, drops := s.hits[hash]
	if drops {
		hits.Add(1)
	}
	return drops
}

func (s *Suppressed) hash(id string) (hash suppressedHash) {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id))
	mac.Sum(hash[:0])
	return hash
}

func (s *Suppressed) refresh(ctx context.Context) error {
	var hashes pq.ByteaArray
	err := s.db.QueryRowContext(ctx, `SELECT coalesce(array_agg(DISTINCT hash), '{}') FROM relay_store.suppressed`).Scan(&hashes)
	if err != nil {
		return fmt.Errorf("read who is suppressed: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.hits
	s.hits = make(map[suppressedHash]*atomic.Int64, len(hashes))
	for _, h := range hashes {
		hash := suppressedHash(h)
		if s.hits[hash] = known[hash]; s.hits[hash] == nil {
			s.hits[hash] = new(atomic.Int64)
		}
	}
	s.any.Store(len(hashes) > 0)
	return nil
}

func (s *Suppressed) noteHits(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for hash, hits := range s.hits {
		n := hits.Load()
		if n == 0 {
			continue
		}
		_, err := s.db.ExecContext(ctx, `UPDATE relay_store.suppressed SET hits = hits + $2, last_hit_at = now() WHERE hash = $1`, hash[:], n)
		if err != nil {
			return fmt.Errorf("note what was dropped: %w", err)
		}
		hits.Add(-n)
	}
	return nil
}
