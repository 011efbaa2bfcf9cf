package logstore

import (
	"errors"

	"github.com/lib/pq"
)

// isInvalidData reports whether the server refused values (SQLSTATE classes 22 and
// 23) or found them beyond a limit of its own (54), as opposed to being away, full
// or shutting down.
func isInvalidData(err error) bool {
	var e *pq.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code.Class() {
	case "22", "23", "54":
		return true
	}
	return false
}
