package segment

// scanner checks JSON by RFC 8259 and finds where values end, in one pass and
// without recursion: nesting costs one bit a level.
type scanner struct {
	data  []byte
	depth int
	inner uint64   // the innermost levels, the last in the lowest bit: 1 object, 0 array
	outer []uint64 // the levels around those, 64 a word

	maxDepth int  // of the last value
	dirty    bool // the last value holds what Postgres may refuse
}

// space returns the index of the first byte from i on that is not white space.
func (s *scanner) space(i int) int {
	for i < len(s.data) && s.data[i] <= ' ' && (s.data[i] == ' ' || s.data[i] == '\n' || s.data[i] == '\t' || s.data[i] == '\r') {
		i++
	}
	return i
}

// at reports whether the byte at i is c.
func (s *scanner) at(i int, c byte) bool { return i < len(s.data) && s.data[i] == c }

func (s *scanner) push(object uint64) {
	if s.depth&63 == 0 && s.depth > 0 {
		s.outer = append(s.outer, s.inner)
	}
	s.inner = s.inner<<1 | object
	s.depth++
	s.maxDepth = max(s.maxDepth, s.depth)
}

func (s *scanner) pop() {
	s.depth--
	s.inner >>= 1
	if s.depth&63 == 0 && s.depth > 0 {
		last := len(s.outer) - 1
		s.inner, s.outer = s.outer[last], s.outer[:last]
	}
}

// value checks the value that begins at i and returns the index after it. It
// sets maxDepth and dirty.
func (s *scanner) value(i int) (int, *SyntaxError) {
	s.depth, s.outer, s.maxDepth, s.dirty = 0, s.outer[:0], 0, false
	for {
		next, opened, err := s.begin(i)
		if err != nil {
			return next, err
		}
		i = next
		if opened {
			continue
		}
		if s.depth == 0 {
			return i, nil
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
	switch {
	case s.at(i, '{'):
		s.push(1)
		if i = s.space(i + 1); s.at(i, '}') {
			return i, false, nil
		}
		i, err = s.key(i)
		return i, true, err
	case s.at(i, '['):
		s.push(0)
		i = s.space(i + 1)
		return i, !s.at(i, ']'), nil
	}
	i, err = s.scalar(i)
	return i, false, err
}

// end closes what ends at i, and moves past a comma to the next value.
func (s *scanner) end(i int) (int, *SyntaxError) {
	for s.depth > 0 {
		i = s.space(i)
		object := s.inner&1 != 0
		switch {
		case s.at(i, ','):
			if object {
				return s.key(s.space(i + 1))
			}
			return i + 1, nil
		case object && s.at(i, '}'), !object && s.at(i, ']'):
			s.pop()
			i++
		case object:
			return s.unexpected(i, "a comma or }")
		default:
			return s.unexpected(i, "a comma or ]")
		}
	}
	return i, nil
}

// key reads a member's key and colon.
func (s *scanner) key(i int) (int, *SyntaxError) {
	i, err := s.keyText(i)
	if err != nil {
		return i, err
	}
	return s.colon(i)
}

// keyText returns the index after the key that must begin at i.
func (s *scanner) keyText(i int) (int, *SyntaxError) {
	if !s.at(i, '"') {
		return s.unexpected(i, "a key in quotes")
	}
	return s.string(i)
}

// colon returns the index after the colon that must come next.
func (s *scanner) colon(i int) (int, *SyntaxError) {
	if i = s.space(i); !s.at(i, ':') {
		return s.unexpected(i, "a colon")
	}
	return i + 1, nil
}

// next returns the index after the comma or the closing byte that must come
// next, and whether it was the closing byte.
func (s *scanner) next(i int, closing byte) (after int, closed bool, err *SyntaxError) {
	i = s.space(i)
	if s.at(i, ',') {
		return s.space(i + 1), false, nil
	}
	if s.at(i, closing) {
		return i + 1, true, nil
	}
	i, err = s.unexpected(i, "a comma or "+string(closing))
	return i, false, err
}

// whole returns an error unless only white space follows i.
func (s *scanner) whole(i int) *SyntaxError {
	if i = s.space(i); i == len(s.data) {
		return nil
	}
	_, err := s.fail(i, "more after the value")
	return err
}
