// Package app is the table of contents of what relay can do: one file a use
// case, and next to each the ports it needs. It knows neither HTTP nor SQL
// texts nor the command line; adapters do.
package app

import "errors"

// Errors that cross the border between use cases and adapters.
var (
	// ErrUnavailable: the database cannot be reached or did not answer in
	// time. The caller may try again later; nothing was refused for good.
	ErrUnavailable = errors.New("the log cannot be written now")
	// ErrDatabase: the database went away in the middle of something. Trying again
	// may help once it is back.
	ErrDatabase = errors.New("the database does not answer")
	// ErrOverloaded: too much is in flight. The caller may try again soon.
	ErrOverloaded = errors.New("too many bytes in flight")
	// ErrUnknownKey: no API key has that secret, or it was revoked.
	ErrUnknownKey = errors.New("unknown API key")
	// ErrUnstorable: the database refuses a value for what it is, such as one
	// that grows beyond its limits. Trying again cannot help.
	ErrUnstorable = errors.New("the database cannot hold it")
	// ErrNotFound: there is no such thing under the given name or number.
	ErrNotFound = errors.New("not found")
)

// ErrDiskFull means that the database has no space left for what is to be written.
var ErrDiskFull = errors.New("the database's disk is full")

// ErrReplaced is returned where what is compared did not stay as it was.
var ErrReplaced = errors.New("a re-projection, an erasure or a new mapping came between; try again")
