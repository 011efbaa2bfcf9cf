package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// PasswordStore keeps the hash of the console's password.
type PasswordStore interface {
	// Read returns "" where none was set.
	Read(ctx context.Context) (hash string, err error)
	// Write replaces the hash; "" removes it.
	Write(ctx context.Context, hash string) error
}

// AdminPassword is the use case of the console's password. It is safe for
// concurrent use.
type AdminPassword struct {
	store   PasswordStore
	fromEnv string // hash of the one that the environment gives; empty: none

	checking sync.Mutex
}

// minPassword is how long a password has to be, in characters.
const minPassword = 10

// errWeakPassword is returned for a password that is too short or too long.
var errWeakPassword = fmt.Errorf("a password has %d characters at least and 72 bytes at most", minPassword)

// NewAdminPassword returns the use case; env is the password that the
// environment gives, which counts before the stored one.
func NewAdminPassword(store PasswordStore, env string) (*AdminPassword, error) {
	p := &AdminPassword{store: store}
	if env == "" {
		return p, nil
	}
	hash, err := hashPassword(env)
	p.fromEnv = hash
	return p, err
}

func hashPassword(password string) (string, error) {
	if utf8.RuneCountInString(password) < minPassword {
		return "", errWeakPassword
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		return "", errWeakPassword
	}
	return string(hash), err
}

// Hash returns the hash of the password that is asked for, "" for none. Whoever
// was let in under another hash is to be asked again.
func (p *AdminPassword) Hash(ctx context.Context) (string, error) {
	if p.fromEnv != "" {
		return p.fromEnv, nil
	}
	return p.store.Read(ctx)
}

// Set stores a password.
func (p *AdminPassword) Set(ctx context.Context, password string) error {
	hash, err := hashPassword(password)
	if err != nil {
		return err
	}
	return p.store.Write(ctx, hash)
}

// Remove removes the stored password.
func (p *AdminPassword) Remove(ctx context.Context) error { return p.store.Write(ctx, "") }

// Matches tells whether the hash is the password's. One is checked at a time:
// that bounds how many can be tried, and how much of the machine that takes.
func (p *AdminPassword) Matches(hash, password string) bool {
	p.checking.Lock()
	defer p.checking.Unlock()
	return hash != "" && bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}
