package lookup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// SQLUserStore keeps users of the database who can read relay's views and nothing
// else.
type SQLUserStore interface {
	// Set creates a user, or gives one that exists another password, and returns the
	// connection string. ErrExists: the name is taken by a user that relay did not
	// create. ErrMayNotMakeUsers: the database does not let relay.
	Set(ctx context.Context, name, password string) (url string, err error)
	// List returns the names in order.
	List(ctx context.Context) ([]string, error)
	// Remove removes a user. ErrNotFound: there is none of that name.
	// ErrMayNotMakeUsers: as in Set.
	Remove(ctx context.Context, name string) error
}

// ErrMayNotMakeUsers is returned where the database does not let relay's own user
// create or remove others.
var ErrMayNotMakeUsers = errors.New("relay's user may not create or remove users of the database")

// ErrBadSQLUserName is returned for a name that no SQL user can have.
var ErrBadSQLUserName = errors.New("the name of a SQL user has 1 to 63 lower-case letters, digits or underscores, " +
	"starts with a letter and not with pg_")

// SQLUsers is the use case of SQL users.
type SQLUsers struct {
	Store SQLUserStore
}

var sqlUserName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Set creates a user with a new password, or gives one that exists a new password.
// The connection string cannot be read again.
func (u *SQLUsers) Set(ctx context.Context, name string) (url string, err error) {
	if !sqlUserName.MatchString(name) || strings.HasPrefix(name, "pg_") {
		return "", fmt.Errorf("%w; got %q", ErrBadSQLUserName, name)
	}
	return u.Store.Set(ctx, name, rand.Text())
}
