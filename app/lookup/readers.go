package lookup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ReaderStore keeps users of the database who can read what people query, and
// nothing else.
type ReaderStore interface {
	// Set makes a reader, or gives the one that is there another password, and
	// returns the connection string. ErrExists: the name is another user's.
	// ErrMayNotMakeUsers: the database does not let relay.
	Set(ctx context.Context, name, password string) (url string, err error)
	// List returns the readers' names in order.
	List(ctx context.Context) ([]string, error)
	// Remove removes a reader; ErrNotFound if there is none of that name, and
	// ErrMayNotMakeUsers as Set does.
	Remove(ctx context.Context, name string) error
}

// ErrMayNotMakeUsers is returned where the database does not let relay's own user
// make or remove others.
var ErrMayNotMakeUsers = errors.New("relay's user may not make or remove users of the database")

// ErrBadReaderName is returned for a name that no reader can have.
var ErrBadReaderName = errors.New("a reader's name has 1 to 63 lower-case letters, digits or underscores, starts with a letter and not with pg_")

// Readers is the use case of readers.
type Readers struct {
	Store ReaderStore
}

var readerName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Set makes a reader with a password of its own, or gives the one that is there a
// new password. The connection string cannot be read again.
func (r *Readers) Set(ctx context.Context, name string) (url string, err error) {
	if !readerName.MatchString(name) || strings.HasPrefix(name, "pg_") {
		return "", fmt.Errorf("%w; got %q", ErrBadReaderName, name)
	}
	return r.Store.Set(ctx, name, rand.Text())
}
