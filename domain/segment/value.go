package segment

import "bytes"

// ValueKind is a JSON value's type.
type ValueKind uint8

// The kinds of values. Absent is the zero Value's.
const (
	Absent ValueKind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Value is a piece of a payload that was checked to be JSON. It shares the
// payload's memory.
type Value struct {
	raw   []byte // without surrounding white space
	dirty bool   // may hold what Postgres refuses
}

// ValueOf returns the one JSON value that the text holds; errors are
// *SyntaxError.
func ValueOf(json []byte) (Value, error) {
	if err := checkUTF8(json); err != nil {
		return Value{}, err
	}
	s := scanner{data: json}
	start := s.space(0)
	end, err := s.value(start)
	if err == nil {
		err = s.whole(end)
	}
	if err != nil {
		return Value{}, err
	}
	return Value{json[start:end], s.dirty}, nil
}

// Kind returns the value's type. A number that Postgres' numeric cannot hold is a
// String: that of its text.
func (v Value) Kind() ValueKind {
	if len(v.raw) == 0 {
		return Absent
	}
	switch v.raw[0] {
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return Array
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	}
	if v.dirty && !isNumeric(v.raw) {
		return String
	}
	return Number
}

// Text returns a string's text, with U+FFFD for U+0000 and unpaired surrogates.
func (v Value) Text() (string, bool) {
	if v.Kind() != String {
		return "", false
	}
	if v.raw[0] != '"' {
		return string(v.raw), true
	}
	return unquote(v.raw), true
}

// verbatim returns the text of a string that is written without escapes, as it
// stands in the payload.
func (v Value) verbatim() ([]byte, bool) {
	if len(v.raw) == 0 || v.raw[0] != '"' || bytes.IndexByte(v.raw, '\\') >= 0 {
		return nil, false
	}
	return v.raw[1 : len(v.raw)-1], true
}

// AppendJSON appends the value as JSON that jsonb of Postgres accepts: as it came,
// except for the replacements of rule 4 of docs/rules.md.
func (v Value) AppendJSON(dst []byte) []byte {
	if !v.dirty {
		return append(dst, v.raw...)
	}
	return appendClean(dst, v.raw)
}

// Members calls yield for an object's members in order, duplicates each, of
// which the last counts. Keys are clean text.
func (v Value) Members(yield func(key string, value Value) bool) {
	if v.Kind() != Object {
		return
	}
	s := scanner{data: v.raw}
	for i := s.space(1); v.raw[i] != '}'; {
		keyEnd, _ := s.string(i) // checked before
		member, end := s.piece(s.space(s.space(keyEnd) + 1))
		if !yield(unquote(v.raw[i:keyEnd]), member) {
			return
		}
		i = s.following(end)
	}
}

// Elements calls yield for an array's elements in order.
func (v Value) Elements(yield func(Value) bool) {
	if v.Kind() != Array {
		return
	}
	s := scanner{data: v.raw}
	for i := s.space(1); v.raw[i] != ']'; {
		element, end := s.piece(i)
		if !yield(element) {
			return
		}
		i = s.following(end)
	}
}

// Get returns the last member with the key.
func (v Value) Get(key string) (found Value, ok bool) {
	for k, member := range v.Members {
		if k == key {
			found, ok = member, true
		}
	}
	return found, ok
}

// piece returns the value at i, which was checked before, and the index after
// it.
func (s *scanner) piece(i int) (Value, int) {
	end, _ := s.value(i)
	return Value{s.data[i:end], s.dirty}, end
}

// following returns the index of what comes after a member or an element and
// its comma.
func (s *scanner) following(i int) int {
	if i = s.space(i); s.at(i, ',') {
		i = s.space(i + 1)
	}
	return i
}
