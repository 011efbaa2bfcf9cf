package ingeststore

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
)

// KeyRing implements ingest.KeyRing from memory. It reads the keys every second, so
// that a revoked key is refused a second later, and at once when Find is asked. Every few seconds it writes down when each key was
// used last.
type KeyRing struct {
	db      *sql.DB
	logger  *slog.Logger
	env     []byte // hash of the key from the environment, nil for none
	uses    keyUses
	envUse  *use
	keys    atomic.Pointer[map[string]ringKey] // by hash
	reading chan struct{}                      // full while the keys are being read: a lock that a ctx can end the wait for
	began   time.Time                          // when the last reading that succeeded began; guarded by reading
}

// ringKey is a key, and where its use is noted.
type ringKey struct {
	key ingest.Key
	use *use
}

var _ ingest.KeyRing = (*KeyRing)(nil)

const (
	keysAge     = time.Second
	keysPause   = 100 * time.Millisecond // between readings; bounds what a flood of wrong keys costs
	keysTimeout = 3 * time.Second
)

// NewKeyRing returns a ring of the keys in db and, if envSecret is not empty,
// the key named env. Run keeps it up to date.
func NewKeyRing(db *sql.DB, envSecret string, logger *slog.Logger) *KeyRing {
	r := &KeyRing{db: db, logger: logger, reading: make(chan struct{}, 1)}
	r.keys.Store(&map[string]ringKey{})
	if envSecret != "" {
		r.env = hashOf(envSecret)
		r.envUse = r.uses.ofKey(r.env, ingest.EnvKeyName)
	}
	return r
}

// Run reads the keys every second, and writes down their use every few, until
// ctx ends.
func (r *KeyRing) Run(ctx context.Context) {
	tick := time.NewTicker(keysAge)
	defer tick.Stop()
	written := time.Now()
	for {
		_ = r.readSince(ctx, time.Now().Add(-keysAge/2)) // while the database is away the old keys are valid
		if time.Since(written) >= usesAge {
			r.writeUses(ctx)
			written = time.Now()
		}
		select {
		case <-ctx.Done():
			r.writeUses(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
	}
}

// Known implements ingest.KeyRing. It compares hashes, so its timing does not reveal
// the secret.
func (r *KeyRing) Known(secret string) (ingest.Key, bool) {
	hash := hashOf(secret)
	if r.env != nil && subtle.ConstantTimeCompare(hash, r.env) == 1 {
		r.envUse.now()
		return ingest.Key{Name: ingest.EnvKeyName}, true
	}
	found, ok := (*r.keys.Load())[string(hash)]
	if ok {
		found.use.now()
	}
	return found.key, ok
}

// Find implements ingest.KeyRing.
func (r *KeyRing) Find(ctx context.Context, secret string) (ingest.Key, error) {
	if err := r.readSince(ctx, time.Now()); err != nil {
		return ingest.Key{}, errors.Join(app.ErrUnavailable, err)
	}
	if key, ok := r.Known(secret); ok {
		return key, nil
	}
	return ingest.Key{}, app.ErrUnknownKey
}

// Signed implements ingest.KeyRing.
func (r *KeyRing) Signed(id int64) { r.uses.ofSecret(id).now() }

// readSince reads the keys unless a reading began after the moment. Readings come
// one after the other, with a pause between them, so that callers who wait for the
// same reading share it.
func (r *KeyRing) readSince(ctx context.Context, moment time.Time) error {
	select {
	case r.reading <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-r.reading }()
	return r.readNow(ctx, moment)
}

// readNow is readSince for the caller that holds r.reading.
func (r *KeyRing) readNow(ctx context.Context, moment time.Time) error {
	if r.began.After(moment) {
		return nil
	}
	select {
	case <-time.After(keysPause - time.Since(r.began)):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	early, stop := postgres.InTime(bounded)
	defer stop()
	keys, err := r.readKeys(early)
	if err != nil {
		return fmt.Errorf("read the API keys: %w", err)
	}
	r.keys.Store(&keys)
	r.began = began
	return nil
}

// readKeys reads keys and signing secrets in one statement, so that they belong
// together.
func (r *KeyRing) readKeys(ctx context.Context) (map[string]ringKey, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT k.name, k.hash, s.id, s.secret
FROM relay_store.api_keys k LEFT JOIN relay_store.signing_secrets s USING (name) WHERE k.revoked_at IS NULL ORDER BY s.id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := map[string]ringKey{}
	for rows.Next() {
		var name string
		var hash, signing []byte
		var id sql.NullInt64
		if err := rows.Scan(&name, &hash, &id, &signing); err != nil {
			return nil, err
		}
		k, ok := keys[string(hash)]
		if !ok {
			k = ringKey{key: ingest.Key{Name: name}, use: r.uses.ofKey(hash, name)}
		}
		if id.Valid {
			k.key.SigningSecrets = append(k.key.SigningSecrets, ingest.SigningSecret{ID: id.Int64, Secret: signing})
		}
		keys[string(hash)] = k
	}
	return keys, rows.Err()
}
