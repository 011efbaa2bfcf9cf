package segment

import (
	"bytes"
	"fmt"
)

// scanner checks JSON by RFC 8259 and finds where values end, in one pass and
// without recursion: nesting costs one bit a level.
type scanner struct {
	data  []byte
	stack []uint64 // one bit a level: 1 object, 0 array
	depth int

	maxDepth int  // of the last value
	dirty    bool // the last value holds what Postgres may refuse
}

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

func (s *scanner) fail(at int, message string) (int, *SyntaxError) {
	if at >= len(s.data) {
		at, message = len(s.data), "it ends too early"
	}
	return at, syntaxError(s.data, at, message)
}

// space returns the index of the first byte from i on that is not white space.
func (s *scanner) space(i int) int {
	for i < len(s.data) && s.data[i] <= ' ' && (s.data[i] == ' ' || s.data[i] == '\n' || s.data[i] == '\t' || s.data[i] == '\r') {
		i++
	}
	return i
}

func (s *scanner) push(object bool) {
	if s.depth/64 == len(s.stack) {
		s.stack = append(s.stack, 0)
	}
	bit := uint64(1) << (s.depth % 64)
	if object {
		s.stack[s.depth/64] |= bit
	} else {
		s.stack[s.depth/64] &^= bit
	}
	s.depth++
	s.maxDepth = max(s.maxDepth, s.depth)
}

func (s *scanner) inObject() bool {
	return s.stack[(s.depth-1)/64]&(1<<((s.depth-1)%64)) != 0
}

// value checks the value that begins at i and returns the index after it. It
// sets maxDepth and dirty.
func (s *scanner) value(i int) (int, *SyntaxError) {
	s.depth, s.maxDepth, s.dirty = 0, 0, false
	for {
		next, opened, err := s.begin(i)
		if err != nil {
			return next, err
		}
		i = next
		if opened {
			continue
		}
		if i, err = s.end(i); err != nil || s.depth == 0 {
			return i, err
		}
	}
}

// begin reads a scalar, or what opens an object or an array up to its first
// value; opened tells that a value must follow.
func (s *scanner) begin(i int) (next int, opened bool, err *SyntaxError) {
	i = s.space(i)
	if i >= len(s.data) {
		i, err = s.fail(i, "")
		return i, false, err
	}
	switch c := s.data[i]; {
	case c == '"':
		i, err = s.string(i)
	case c == '{':
		s.push(true)
		if i = s.space(i + 1); i < len(s.data) && s.data[i] == '}' {
			return i, false, nil
		}
		i, err = s.key(i)
		return i, true, err
	case c == '[':
		s.push(false)
		if i = s.space(i + 1); i < len(s.data) && s.data[i] == ']' {
			return i, false, nil
		}
		return i, true, nil
	case c == '-' || '0' <= c && c <= '9':
		i, err = s.number(i)
	default:
		i, err = s.literal(i)
	}
	return i, false, err
}

// end closes what ends at i, and moves past a comma to the next value.
func (s *scanner) end(i int) (int, *SyntaxError) {
	for s.depth > 0 {
		i = s.space(i)
		if i >= len(s.data) {
			return s.fail(i, "")
		}
		object := s.inObject()
		switch c := s.data[i]; {
		case c == '}' && object, c == ']' && !object:
			s.depth--
			i++
		case c == ',' && object:
			return s.key(s.space(i + 1))
		case c == ',':
			return i + 1, nil
		case object:
			return s.fail(i, fmt.Sprintf("%q where a comma or } should be", c))
		default:
			return s.fail(i, fmt.Sprintf("%q where a comma or ] should be", c))
		}
	}
	return i, nil
}

// key reads a member's key and colon.
func (s *scanner) key(i int) (int, *SyntaxError) {
	if i >= len(s.data) || s.data[i] != '"' {
		return s.fail(i, "a key in quotes should be here")
	}
	i, err := s.string(i)
	if err != nil {
		return i, err
	}
	if i = s.space(i); i >= len(s.data) || s.data[i] != ':' {
		return s.fail(i, "a colon should be here")
	}
	return i + 1, nil
}

// plain marks the bytes of a string that need no look: all but quotes,
// backslashes and control characters.
var plain = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return table
}()

func (s *scanner) string(i int) (int, *SyntaxError) {
	data := s.data
	for i++; i < len(data); i++ {
		c := data[i]
		if plain[c] {
			continue
		}
		switch c {
		case '"':
			return i + 1, nil
		case '\\':
			next, err := s.escape(i)
			if err != nil {
				return next, err
			}
			i = next
		default:
			return s.fail(i, fmt.Sprintf("control character %q in a string", c))
		}
	}
	return s.fail(i, "")
}

// escape checks an escape and returns the index of its last byte.
func (s *scanner) escape(i int) (int, *SyntaxError) {
	if i+1 >= len(s.data) {
		return s.fail(i+1, "")
	}
	switch s.data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, nil
	case 'u':
		if i+6 > len(s.data) {
			return s.fail(len(s.data), "")
		}
		r, ok := hex4(s.data[i+2 : i+6])
		if !ok {
			return s.fail(i, "\\u without four hexadecimal digits")
		}
		if r == 0 || 0xD800 <= r && r <= 0xDFFF {
			s.dirty = true // a look at the pairs comes when the value is used
		}
		return i + 5, nil
	}
	return s.fail(i, "an unknown escape")
}

func hex4(b []byte) (rune, bool) {
	var r rune
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func (s *scanner) number(i int) (int, *SyntaxError) {
	start := i
	if s.data[i] == '-' {
		i++
	}
	switch {
	case i < len(s.data) && s.data[i] == '0':
		i++
	case i < len(s.data) && '1' <= s.data[i] && s.data[i] <= '9':
		i = s.digits(i)
	default:
		return s.fail(i, "a digit should be here")
	}
	exponent := false
	if i < len(s.data) && s.data[i] == '.' {
		end := s.digits(i + 1)
		if end == i+1 {
			return s.fail(end, "a digit should be here")
		}
		i = end
	}
	if i < len(s.data) && s.data[i]|0x20 == 'e' {
		exponent = true
		if i++; i < len(s.data) && (s.data[i] == '+' || s.data[i] == '-') {
			i++
		}
		end := s.digits(i)
		if end == i {
			return s.fail(end, "a digit should be here")
		}
		i = end
	}
	if exponent || i-start > 10_000 {
		s.dirty = true // maybe beyond numeric
	}
	return i, nil
}

func (s *scanner) digits(i int) int {
	for i < len(s.data) && '0' <= s.data[i] && s.data[i] <= '9' {
		i++
	}
	return i
}

func (s *scanner) literal(i int) (int, *SyntaxError) {
	for _, word := range [...]string{"true", "false", "null"} {
		if s.data[i] != word[0] {
			continue
		}
		rest := s.data[i:]
		if bytes.HasPrefix(rest, []byte(word)) {
			return i + len(word), nil
		}
		if len(rest) < len(word) && word[:len(rest)] == string(rest) {
			return s.fail(len(s.data), "")
		}
	}
	return s.fail(i, fmt.Sprintf("%q where a value should be", s.data[i]))
}
