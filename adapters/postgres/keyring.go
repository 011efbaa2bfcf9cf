package postgres

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"relay/app"
)

// KeyRing implements app.KeyRing from memory. It reads the keys again every
// second, so that a revoked key is refused a second later, and at once when it
// is shown a secret that it does not know.
type KeyRing struct {
	db  *sql.DB
	env []byte // hash of the key from the environment, nil for none

	mu   sync.RWMutex
	keys map[string]app.Key // by hash
	read time.Time
}

var _ app.KeyRing = (*KeyRing)(nil)

const (
	keysAge        = time.Second
	unknownKeysAge = 100 * time.Millisecond // bounds what a flood of wrong keys costs
)

// NewKeyRing returns a ring of the keys in db and, if envSecret is not empty,
// the key named env. Run keeps it up to date.
func NewKeyRing(db *sql.DB, envSecret string) *KeyRing {
	r := &KeyRing{db: db}
	if envSecret != "" {
		r.env = hashOf(envSecret)
	}
	return r
}

// Run reads the keys every second until ctx ends.
func (r *KeyRing) Run(ctx context.Context) {
	tick := time.NewTicker(keysAge)
	defer tick.Stop()
	for {
		_ = r.refresh(ctx, keysAge/2) // while the database is away the old keys hold
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Find implements app.KeyRing.
func (r *KeyRing) Find(ctx context.Context, secret string) (app.Key, error) {
	hash := hashOf(secret)
	if r.env != nil && subtle.ConstantTimeCompare(hash, r.env) == 1 {
		return app.Key{Name: app.EnvKeyName}, nil
	}
	if key, ok := r.lookUp(hash); ok {
		return key, nil
	}
	if err := r.refresh(ctx, unknownKeysAge); err != nil {
		return app.Key{}, errors.Join(app.ErrUnavailable, err)
	}
	if key, ok := r.lookUp(hash); ok {
		return key, nil
	}
	return app.Key{}, app.ErrUnknownKey
}

// lookUp finds a key by its secret's hash: what it compares is not the secret,
// so its timing tells nothing of it.
func (r *KeyRing) lookUp(hash []byte) (app.Key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	key, ok := r.keys[string(hash)]
	return key, ok
}

// refresh reads the keys unless they were read within the given age.
func (r *KeyRing) refresh(ctx context.Context, age time.Duration) error {
	r.mu.RLock()
	fresh := time.Since(r.read) < age
	r.mu.RUnlock()
	if fresh {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	keys, err := r.readKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the API keys: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys, r.read = keys, time.Now()
	return nil
}

func (r *KeyRing) readKeys(ctx context.Context) (map[string]app.Key, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT name, hash, signing_secret FROM relay_store.api_keys WHERE revoked_at IS NULL`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := map[string]app.Key{}
	for rows.Next() {
		var key app.Key
		var hash, signing []byte
		if err := rows.Scan(&key.Name, &hash, &signing); err != nil {
			return nil, err
		}
		if signing != nil {
			key.SigningSecrets = [][]byte{signing}
		}
		keys[string(hash)] = key
	}
	return keys, rows.Err()
}
