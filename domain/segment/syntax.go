package segment

import (
	"fmt"
	"unicode/utf8"
)

// SyntaxError says why and where bytes are not JSON.
type SyntaxError struct {
	Offset       int // from 0
	Line, Column int // from 1; columns count bytes
	Message      string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not JSON: %s at line %d, column %d (byte %d)", e.Message, e.Line, e.Column, e.Offset)
}

func syntaxError(data []byte, at int, message string) *SyntaxError {
	e := &SyntaxError{Offset: at, Line: 1, Column: 1, Message: message}
	for _, b := range data[:min(at, len(data))] {
		e.Column++
		if b == '\n' {
			e.Line, e.Column = e.Line+1, 1
		}
	}
	return e
}

// fail returns what a scan that stops at a byte returns.
func (s *scanner) fail(at int, message string) (int, *SyntaxError) {
	if at >= len(s.data) {
		at, message = len(s.data), "it ends too early"
	}
	return at, syntaxError(s.data, at, message)
}

// unexpected is fail for a character that stands where wanted should be.
func (s *scanner) unexpected(at int, wanted string) (int, *SyntaxError) {
	if at >= len(s.data) {
		return s.fail(at, "")
	}
	r, _ := utf8.DecodeRune(s.data[at:])
	if r == '\uFEFF' && at == 0 {
		return s.fail(at, "a byte order mark, which should not be here,")
	}
	return s.fail(at, fmt.Sprintf("%q where %s should be", r, wanted))
}

// checkUTF8 returns an error for bytes that are not UTF-8.
func checkUTF8(data []byte) *SyntaxError {
	if utf8.Valid(data) {
		return nil
	}
	at := 0
	for {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n <= 1 {
			return syntaxError(data, at, "bytes that are not UTF-8")
		}
		at += n
	}
}
