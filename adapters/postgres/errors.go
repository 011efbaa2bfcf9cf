package postgres

import (
	"errors"

	"github.com/lib/pq"
)

// SQLSTATE codes that decide what happens next.
const (
	codeUniqueViolation  = "23505"
	codeDuplicateSchema  = "42P06"
	codeLockNotAvailable = "55P03"
	codeDeadlock         = "40P01"
)

func hasCode(err error, codes ...string) bool {
	var e *pq.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if string(e.Code) == code {
			return true
		}
	}
	return false
}

// isUnstorable tells whether the server refused values for what they are:
// SQLSTATE classes 22 (data) and 54 (limits), and the internal error of a value
// too large for any memory (XX000).
func isUnstorable(err error) bool {
	var e *pq.Error
	if !errors.As(err, &e) {
		return false
	}
	class := e.Code.Class()
	return class == "22" || class == "54" || e.Code == "XX000"
}

// isDuplicate: another process created the same thing at the same time.
func isDuplicate(err error) bool { return hasCode(err, codeUniqueViolation, codeDuplicateSchema) }
