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

// isDuplicate: another process created the same thing at the same time.
func isDuplicate(err error) bool { return hasCode(err, codeUniqueViolation, codeDuplicateSchema) }
