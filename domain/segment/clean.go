package segment

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote returns the text of a JSON string that was checked, with U+FFFD for
// U+0000 and unpaired surrogates.
func unquote(raw []byte) string {
	rest := raw[1 : len(raw)-1]
	escape := bytes.IndexByte(rest, '\\')
	if escape < 0 {
		return string(rest)
	}
	out := make([]byte, 0, len(rest))
	for ; escape >= 0; escape = bytes.IndexByte(rest, '\\') {
		r, n := unescape(rest[escape:])
		out = utf8.AppendRune(append(out, rest[:escape]...), r)
		rest = rest[escape+n:]
	}
	return string(append(out, rest...))
}

// unescape reads the escape, or pair of escapes, at the start of b.
func unescape(b []byte) (r rune, n int) {
	switch b[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unescapeUnit(b)
	}
	return rune(b[1]), 2
}

func unescapeUnit(b []byte) (r rune, n int) {
	r, _ = hex4(b[2:6])
	if r == 0 {
		return utf8.RuneError, 6
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if second, ok := hex4(b[8:12]); ok {
			if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return utf8.RuneError, 6
}

// maxExpanded is how many digits the exponents of one value's numbers may stand
// for. Postgres gives numbers back written out: some kilobytes of exponents
// could become more than it, or anybody, can hold.
const maxExpanded = 16 << 20

// appendClean appends checked JSON with what Postgres refuses replaced.
func appendClean(dst, raw []byte) []byte {
	s := scanner{data: raw}
	expanded := 0
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			end, _ := s.string(i)
			dst = appendCleanString(dst, raw[i:end])
			i = end
		case c == '-' || '0' <= c && c <= '9':
			end, _ := s.number(i)
			expanded += expansion(raw[i:end])
			dst = appendCleanNumber(dst, raw[i:end], expanded <= maxExpanded)
			i = end
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

const replacement = `\ufffd`

func appendCleanString(dst, raw []byte) []byte {
	for escape := bytes.IndexByte(raw, '\\'); escape >= 0; escape = bytes.IndexByte(raw, '\\') {
		r, n := unescape(raw[escape:])
		dst = append(dst, raw[:escape]...)
		if r == utf8.RuneError && raw[escape+1] == 'u' {
			dst = append(dst, replacement...)
		} else {
			dst = append(dst, raw[escape:escape+n]...)
		}
		raw = raw[escape+n:]
	}
	return append(dst, raw...)
}

// expansion is how many digits a number's exponent stands for.
func expansion(raw []byte) int {
	e := bytes.IndexAny(raw, "eE")
	if e < 0 {
		return 0
	}
	n, err := strconv.Atoi(string(bytes.TrimLeft(raw[e+1:], "+-")))
	if err != nil || n > 1<<20 {
		return 0 // beyond numeric
	}
	return n
}

func appendCleanNumber(dst, raw []byte, fits bool) []byte {
	if fits && isNumeric(raw) {
		return append(dst, raw...)
	}
	return append(append(append(dst, '"'), raw...), '"')
}

// Limits of Postgres' numeric: decimal digits after the point, and groups of
// four decimal digits before it.
const (
	maxScale       = 16383
	maxGroupWeight = 32767
	maxExponent    = 1<<31/2 - 1
)

// isNumeric reports whether Postgres' numeric can hold the number.
func isNumeric(raw []byte) bool {
	mantissa, exponent := raw, 0
	if e := bytes.IndexAny(raw, "eE"); e >= 0 {
		n, err := strconv.Atoi(string(bytes.TrimPrefix(raw[e+1:], []byte("+"))))
		if err != nil || n >= maxExponent || n <= -maxExponent {
			return false
		}
		mantissa, exponent = raw[:e], n
	}
	whole, fraction, _ := bytes.Cut(bytes.TrimPrefix(mantissa, []byte("-")), []byte("."))
	if len(fraction)-exponent > maxScale {
		return false
	}
	leading := zeros(whole)
	if leading == len(whole) {
		leading += zeros(fraction)
	}
	if leading == len(whole)+len(fraction) {
		return true // zero
	}
	// The place of the first digit that is not zero: 0 for ones, 1 for tens.
	place := len(whole) - 1 - leading + exponent
	return place < 0 || place/4 <= maxGroupWeight
}

// zeros counts the zeros that digits begin with.
func zeros(digits []byte) int {
	n := 0
	for n < len(digits) && digits[n] == '0' {
		n++
	}
	return n
}
