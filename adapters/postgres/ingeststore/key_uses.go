package ingeststore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// use is when something was used last. Noting it costs a request one store into
// memory.
type use struct {
	at      atomic.Int64 // microseconds since 1970; 0: not since this process began
	written int64        // the value of at that is in the database; for the writer alone
}

func (u *use) now() { u.at.Store(time.Now().UnixMicro()) }

// usesAge is how old the times of uses in the database may be.
const usesAge = 5 * time.Second

// keyUses holds the uses of all keys and signing secrets that were ever read. The
// zero value is ready.
type keyUses struct {
	keys    sync.Map // *keyUse by hash, a string
	secrets sync.Map // *use by id, an int64
}

type keyUse struct {
	name string
	use  use
}

// ofKey returns where the key's use is noted, always the same place.
func (u *keyUses) ofKey(hash []byte, name string) *use {
	k, _ := u.keys.LoadOrStore(string(hash), &keyUse{name: name})
	return &k.(*keyUse).use
}

// ofSecret returns where the signing secret's use is noted.
func (u *keyUses) ofSecret(id int64) *use {
	s, ok := u.secrets.Load(id)
	if !ok {
		s, _ = u.secrets.LoadOrStore(id, new(use))
	}
	return s.(*use)
}

// writeUses writes down the uses that changed. What the database cannot take now
// is written the next time.
func (r *KeyRing) writeUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	var err error
	r.uses.keys.Range(func(hash, k any) bool {
		err = r.write(ctx, &k.(*keyUse).use, `INSERT INTO relay_store.key_uses AS u (last_used_at, hash, name)
VALUES (relay_store.instant($1), $2, $3)
ON CONFLICT (hash) DO UPDATE SET last_used_at = greatest(u.last_used_at, excluded.last_used_at)`, []byte(hash.(string)), k.(*keyUse).name)
		return err == nil
	})
	r.uses.secrets.Range(func(id, s any) bool {
		if err == nil {
			err = r.write(ctx, s.(*use), `UPDATE relay_store.signing_secrets
SET last_used_at = greatest(last_used_at, relay_store.instant($1)) WHERE id = $2`, id)
		}
		return err == nil
	})
	if err != nil {
		r.logger.Warn("the last use of keys waits for the database", "error", err)
	}
}

// write runs the statement, whose first parameter is the time of the use, if it
// is later than what was written.
func (r *KeyRing) write(ctx context.Context, u *use, statement string, args ...any) error {
	at := u.at.Load()
	if at == u.written {
		return nil
	}
	if _, err := r.db.ExecContext(ctx, statement, append([]any{at}, args...)...); err != nil {
		return fmt.Errorf("write down the last use: %w", err)
	}
	u.written = at
	return nil
}
