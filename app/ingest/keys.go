package ingest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// KeyInfo is an API key as people see it. The secret is not kept.
type KeyInfo struct {
	Name       string     `json:"name"`
	Signed     bool       `json:"signed"`              // whether a signature is asked for
	CreatedAt  time.Time  `json:"created_at,omitzero"` // zero for the key that the environment gives
	LastUsedAt *time.Time `json:"last_used_at"`        // to within some seconds; null: never
	ReplacedAt *time.Time `json:"replaced_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

// KeyStore keeps keys; of the secret it keeps a hash only.
type KeyStore interface {
	// Create returns ErrExists if an unrevoked key has the name.
	Create(ctx context.Context, name, secret string, signingSecret []byte) error
	// Replace makes a new key of the name. The replaced key is accepted until it is
	// revoked. ErrNotFound: there is no key of the name.
	Replace(ctx context.Context, name, secret string) error
	// List returns the oldest key first, and the key of the environment last, if it
	// was ever used.
	List(ctx context.Context) ([]KeyInfo, error)
	// Revoke revokes all keys of the name, or only the replaced ones, and returns
	// the time of their last use, nil for never. ErrNotFound: no key is left to
	// revoke.
	Revoke(ctx context.Context, name string, replacedOnly bool) (lastUsed *time.Time, err error)
	// CreateFirst is Create if there was never a key, and reports whether it
	// created one.
	CreateFirst(ctx context.Context, name, secret string) (bool, error)
}

// SigningSecretInfo is a signing secret as people see it.
type SigningSecretInfo struct {
	ID         int64      `json:"id"`
	AddedAt    time.Time  `json:"added_at"`
	LastUsedAt *time.Time `json:"last_used_at"` // to within some seconds; null: never
}

// SigningSecretStore keeps the signing secrets of each name's keys.
type SigningSecretStore interface {
	// Add returns ErrNotFound if no unrevoked key has the name, and ErrExists if
	// the secret is there already.
	Add(ctx context.Context, name string, secret []byte) error
	// List returns the oldest first, and ErrNotFound as Add does.
	List(ctx context.Context, name string) ([]SigningSecretInfo, error)
	// Remove returns how many are left. ErrNotFound: the name has no such secret.
	Remove(ctx context.Context, name string, id int64) (left int, err error)
}

// ErrExists is returned if there is something under the name already.
var ErrExists = errors.New("exists already")

// MaxSigningSecret is how long a signing secret may be, in bytes. An index bounds
// the length.
const MaxSigningSecret = 1024

// ErrBadKeyName is returned for a name that no key can have.
var ErrBadKeyName = errors.New("a key's name has 1 to 63 letters, digits, dots, dashes or underscores and starts with a letter or digit")

// Keys manages API keys, one name for each Segment source.
type Keys struct {
	Store KeyStore
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// EnvKeyName is the name of the key that the environment gives.
const EnvKeyName = "env"

// Create makes a key and returns its secret, which cannot be read again.
func (k *Keys) Create(ctx context.Context, name string, signingSecret []byte) (secret string, err error) {
	if !keyName.MatchString(name) {
		return "", fmt.Errorf("%w; got %q", ErrBadKeyName, name)
	}
	if name == EnvKeyName || name == "relay" {
		return "", fmt.Errorf("%w, and the name %q is taken by relay itself; choose another", ErrBadKeyName, name)
	}
	secret = newSecret()
	return secret, k.Store.Create(ctx, name, secret, signingSecret)
}

// Rotate makes another key of the name and returns its secret. The former key is
// accepted, too, until it is revoked. Both keys stand for one source.
func (k *Keys) Rotate(ctx context.Context, name string) (secret string, err error) {
	secret = newSecret()
	return secret, k.Store.Replace(ctx, name, secret)
}

// First makes the first key of a database. An empty secret means that the database
// had a key already.
func (k *Keys) First(ctx context.Context, name string) (secret string, err error) {
	secret = newSecret()
	created, err := k.Store.CreateFirst(ctx, name, secret)
	if err != nil || !created {
		return "", err
	}
	return secret, nil
}

// newSecret returns 256 random bits as text that needs no quoting anywhere.
func newSecret() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails
	return "rk_" + base64.RawURLEncoding.EncodeToString(bits[:])
}
