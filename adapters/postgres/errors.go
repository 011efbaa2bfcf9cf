package postgres

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/lib/pq"
)

// SQLSTATE codes that decide what happens next.
const (
	CodeUniqueViolation  = "23505"
	codeDuplicateSchema  = "42P06"
	codeLockNotAvailable = "55P03"
	codeDeadlock         = "40P01"
	codeDiskFull         = "53100"
	CodeUndefinedTable   = "42P01"
	CodeQueryCanceled    = "57014"

	CodeInsufficientPrivilege = "42501"
)

func HasCode(err error, codes ...string) bool {
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

// isUnavailable tells whether the server went away or would not take us: SQLSTATE
// classes 08 (connection), 57P (shutdown, start-up), 53300 (too many
// connections), or no answer at all.
func isUnavailable(err error) bool {
	var e *pq.Error
	if errors.As(err, &e) {
		return e.Code.Class() == "08" || strings.HasPrefix(string(e.Code), "57P") || e.Code == "53300"
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.As(err, &network)
}

// IsUnstorable tells whether the server refused values for what they are:
// SQLSTATE classes 22 (data) and 54 (limits), and the internal error of a value
// too large for any memory (XX000, which also stands for faults of the server; its
// text, which is never translated, tells them apart).
func IsUnstorable(err error) bool {
	var e *pq.Error
	if !errors.As(err, &e) {
		return false
	}
	class := e.Code.Class()
	return class == "22" || class == "54" || e.Code == "XX000" && strings.HasPrefix(e.Message, "invalid memory alloc request size")
}

// isDuplicate: another process created the same thing at the same time.
func isDuplicate(err error) bool { return HasCode(err, CodeUniqueViolation, codeDuplicateSchema) }
