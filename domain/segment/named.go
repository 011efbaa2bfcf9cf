package segment

import "bytes"

// MayBeOf reports whether the body may hold a call whose userId is one that wanted
// accepts: it costs a fraction of Parse. It may be true for a body without such a
// call, but is never false for a body with one.
func MayBeOf(body []byte, wanted func(userID []byte) bool) bool {
	return mayHold(body, wanted, isUser)
}

// MayName is MayBeOf for userId, anonymousId and previousId.
func MayName(body []byte, wanted func(id []byte) bool) bool {
	return mayHold(body, wanted, isAnybody)
}

// mayHold reports whether the body may hold a wanted id under a key with one of the
// beginnings.
func mayHold(body []byte, wanted func(id []byte) bool, isKey func(before []byte) bool) bool {
	for at := 0; ; {
		i := bytes.Index(body[at:], keyEnd)
		if i < 0 {
			return hidesKey(body)
		}
		before := body[:at+i]
		at += i + len(keyEnd)
		if !isKey(before) {
			continue
		}
		if id, hidden := idAfterKey(body[at:]); hidden || id != nil && wanted(id) {
			return true
		}
	}
}

// The keys in two parts: searching begins with the first byte, and quotes are
// everywhere.
var (
	userStart      = []byte(`"user`)
	anonymousStart = []byte(`"anonymous`)
	previousStart  = []byte(`"previous`)
	keyEnd         = []byte(`Id"`)
	escaped        = []byte(`\u00`)
)

func isUser(before []byte) bool { return bytes.HasSuffix(before, userStart) }

func isAnybody(before []byte) bool {
	return isUser(before) || bytes.HasSuffix(before, anonymousStart) || bytes.HasSuffix(before, previousStart)
}

// hidesKey reports whether escapes may spell one of the keys: each of their letters
// would be \u0049 or one from \u0061 to \u0079.
func hidesKey(body []byte) bool {
	for {
		i := bytes.Index(body, escaped)
		if i < 0 {
			return false
		}
		if body = body[i+len(escaped):]; len(body) > 0 && (body[0] == '4' || body[0] == '6' || body[0] == '7') {
			return true
		}
	}
}

// idAfterKey returns the id that follows a key, nil for none; hidden reports that
// the id is written with escapes.
func idAfterKey(rest []byte) (id []byte, hidden bool) {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return nil, false // no key
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	if len(rest) == 0 {
		return nil, false
	}
	if rest[0] != '"' {
		end := bytes.IndexAny(rest, ",}] \t\r\n")
		if end < 0 {
			end = len(rest)
		}
		return rest[:end], false // a number, or what is no id
	}
	end := bytes.IndexByte(rest[1:], '"')
	if end < 0 {
		return nil, false
	}
	id = rest[1 : 1+end]
	return id, bytes.IndexByte(id, '\\') >= 0
}
