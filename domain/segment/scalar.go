package segment

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// scalar checks the string, number or literal at i and returns the index after
// it.
func (s *scanner) scalar(i int) (int, *SyntaxError) {
	if i >= len(s.data) {
		return s.fail(i, "")
	}
	switch c := s.data[i]; {
	case c == '"':
		return s.string(i)
	case isDigit(c), c == '-':
		return s.number(i)
	case c == 't':
		return s.literal(i, "true")
	case c == 'f':
		return s.literal(i, "false")
	case c == 'n':
		return s.literal(i, "null")
	}
	return s.unexpected(i, "a value")
}

func (s *scanner) literal(i int, word string) (int, *SyntaxError) {
	rest := s.data[i:]
	if len(rest) >= len(word) && string(rest[:len(word)]) == word {
		return i + len(word), nil
	}
	if len(rest) < len(word) && string(rest) == word[:len(rest)] {
		return s.fail(len(s.data), "")
	}
	return s.unexpected(i, "a value")
}

func (s *scanner) string(i int) (int, *SyntaxError) {
	for i = plainEnd(s.data, i+1); i < len(s.data); i = plainEnd(s.data, i) {
		switch c := s.data[i]; c {
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

// One bit or one character in each byte of a word.
const (
	lowBits    = 0x0101010101010101
	highBits   = 0x8080808080808080
	quotes     = '"' * lowBits
	slashes    = '\\' * lowBits
	spaces     = ' ' * lowBits
	wordLength = 8
)

// plainEnd returns the index of the first byte from i on that a string cannot
// hold as it is: a quote, a backslash or a control character. It checks eight
// bytes at a time; subtracting sets the high bit of each byte that was less. A
// borrow can set it wrongly only above the first such byte, which is the one
// that counts.
func plainEnd(data []byte, i int) int {
	for ; i+wordLength <= len(data); i += wordLength {
		word := binary.LittleEndian.Uint64(data[i:])
		quote, slash := word^quotes, word^slashes
		found := ((word-spaces)&^word | (quote-lowBits)&^quote | (slash-lowBits)&^slash) & highBits
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(data) && data[i] >= ' ' && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}

// escape checks an escape and returns the index after it.
func (s *scanner) escape(i int) (int, *SyntaxError) {
	if i+1 >= len(s.data) {
		return s.fail(i+1, "")
	}
	switch s.data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
		return s.unicodeEscape(i)
	}
	return s.fail(i, "an unknown escape")
}

func (s *scanner) unicodeEscape(i int) (int, *SyntaxError) {
	if i+6 > len(s.data) {
		return s.fail(len(s.data), "")
	}
	r, ok := hex4(s.data[i+2 : i+6])
	if !ok {
		return s.fail(i, "\\u without four hexadecimal digits")
	}
	if r == 0 || 0xD800 <= r && r <= 0xDFFF {
		s.dirty = true // whether it is half of a pair is checked when the value is used
	}
	return i + 6, nil
}

func hex4(b []byte) (rune, bool) {
	var r rune
	for _, c := range b {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// surelyNumeric is a length up to which a number without an exponent is never
// beyond numeric.
const surelyNumeric = 10_000

func (s *scanner) number(i int) (int, *SyntaxError) {
	start := i
	if s.data[i] == '-' {
		i++
	}
	var err *SyntaxError
	if s.at(i, '0') {
		i++
	} else if i, err = s.someDigits(i); err != nil {
		return i, err
	}
	if s.at(i, '.') {
		if i, err = s.someDigits(i + 1); err != nil {
			return i, err
		}
	}
	exponent := s.at(i, 'e') || s.at(i, 'E')
	if exponent {
		if i++; s.at(i, '+') || s.at(i, '-') {
			i++
		}
		if i, err = s.someDigits(i); err != nil {
			return i, err
		}
	}
	if exponent || i-start > surelyNumeric {
		s.dirty = true // maybe beyond numeric
	}
	return i, nil
}

// someDigits returns the index after one digit or more.
func (s *scanner) someDigits(i int) (int, *SyntaxError) {
	start := i
	for i < len(s.data) && isDigit(s.data[i]) {
		i++
	}
	if i == start {
		return s.unexpected(i, "a digit")
	}
	return i, nil
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
