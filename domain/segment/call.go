package segment

import "unicode/utf8"

// MaxDepth is how deep a call may be nested, itself counted.
const MaxDepth = 512

// maxID is how long an id may be, in characters.
const maxID = 255

// Call is one usable call. Its values share the payload's memory; its texts do
// not.
type Call struct {
	Index                                      int   // place among the payload's calls
	Kind                                       Kinds // one bit of Identify to Delete
	UserID, AnonymousID, PreviousID, MessageID string
	Event, Name, Category                      string // "" where absent, empty or not text
	Traits, Properties                         Value
	times                                      callTimes
}

// kinds returns the call's kind, and Claims if it names both ids.
func (c *Call) kinds() Kinds {
	if c.UserID != "" && c.AnonymousID != "" && !c.Kind.Has(Alias|Delete) {
		return c.Kind | Claims
	}
	return c.Kind
}

type member struct{ value Value }

// The members of a call that mean something.
const (
	memberType = iota
	memberUserID
	memberAnonymousID
	memberPreviousID
	memberMessageID
	memberEvent
	memberName
	memberCategory
	memberTraits
	memberProperties
	memberTimestamp
	memberOriginalTimestamp
	memberSentAt
	memberReceivedAt
	memberBatch
	memberCount
)

// memberOf returns which member a key names, -1 for none.
func memberOf(key []byte) int {
	switch string(key) {
	case "type":
		return memberType
	case "userId":
		return memberUserID
	case "anonymousId":
		return memberAnonymousID
	case "previousId":
		return memberPreviousID
	case "messageId":
		return memberMessageID
	case "event":
		return memberEvent
	case "name":
		return memberName
	case "category":
		return memberCategory
	case "traits":
		return memberTraits
	case "properties":
		return memberProperties
	case "timestamp":
		return memberTimestamp
	case "originalTimestamp":
		return memberOriginalTimestamp
	case "sentAt":
		return memberSentAt
	case "receivedAt":
		return memberReceivedAt
	case "batch":
		return memberBatch
	}
	return -1
}

// callMembers are the members of one object; of duplicate keys the last.
type callMembers struct {
	of [memberCount]member
}

// members checks the value at i and, if it is an object, notes its members. It
// returns the index after it and how deep it is nested.
func (p *Parser) members(i int, out *callMembers) (end, depth int, err *SyntaxError) {
	s := &p.scan
	if i >= len(s.data) || s.data[i] != '{' {
		end, err = s.value(i)
		return end, s.maxDepth, err
	}
	depth = 1
	i = s.space(i + 1)
	if i < len(s.data) && s.data[i] == '}' {
		return i + 1, depth, nil
	}
	for {
		keyStart := i
		start, err := s.key(i)
		if err != nil {
			return start, depth, err
		}
		start = s.space(start)
		valueEnd, err := s.value(start)
		if err != nil {
			return valueEnd, depth, err
		}
		depth = max(depth, s.maxDepth+1)
		if m := memberOf(keyText(s.data[keyStart:start])); m >= 0 {
			out.of[m] = member{Value{s.data[start:valueEnd], s.dirty}}
		}
		i = s.space(valueEnd)
		if i >= len(s.data) {
			end, err = s.fail(i, "")
			return end, depth, err
		}
		switch s.data[i] {
		case '}':
			return i + 1, depth, nil
		case ',':
			i = s.space(i + 1)
		default:
			end, err = s.fail(i, "a comma or } should be here")
			return end, depth, err
		}
	}
}

// keyText returns the text of the key that raw begins with.
func keyText(raw []byte) []byte {
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return raw[1:i]
		case '\\':
			s := scanner{data: raw}
			end, _ := s.string(0)
			return []byte(unquote(raw[:end]))
		}
	}
	return nil
}

// call makes a call of the members; where it cannot be used, code and message
// say why.
func (m *callMembers) call(depth int, pathKind Kinds, sentAt member) (c Call, code, message string) {
	if depth > MaxDepth {
		return c, "too_deep", "nested deeper than 512 levels"
	}
	if c.Kind = m.kind(pathKind); c.Kind == 0 {
		return c, "unknown_type", "type must be identify, track, page, screen, group, alias or delete"
	}
	if code, message = m.ids(&c); code != "" {
		return c, code, message
	}
	c.MessageID, _ = id(m.of[memberMessageID].value)
	c.Event, c.Name, c.Category = m.text(memberEvent), m.text(memberName), m.text(memberCategory)
	c.Traits, c.Properties = m.of[memberTraits].value, m.of[memberProperties].value
	c.times = callTimes{
		timestamp: m.of[memberTimestamp].value, original: m.of[memberOriginalTimestamp].value,
		sentAt: m.of[memberSentAt].value, receivedAt: m.of[memberReceivedAt].value,
	}
	if k := c.times.sentAt.Kind(); k == Absent || k == Null {
		c.times.sentAt = sentAt.value
	}
	return c, "", ""
}

func (m *callMembers) kind(pathKind Kinds) Kinds {
	value := m.of[memberType].value
	switch value.Kind() {
	case Absent, Null:
		return pathKind
	case String:
		text, _ := value.Text()
		return KindOfType(text)
	}
	return 0
}

func (m *callMembers) text(i int) string {
	text, _ := m.of[i].value.Text()
	return text
}

// ids reads the call's ids.
func (m *callMembers) ids(c *Call) (code, message string) {
	var long [3]bool
	c.UserID, long[0] = id(m.of[memberUserID].value)
	c.AnonymousID, long[1] = id(m.of[memberAnonymousID].value)
	if c.Kind == Alias {
		c.PreviousID, long[2] = id(m.of[memberPreviousID].value)
	}
	switch {
	case long[0] || long[1] || long[2]:
		return "id_too_long", "an id is longer than 255 characters"
	case c.Kind == Alias && (c.UserID == "" || c.PreviousID == ""):
		return "no_id", "an alias needs userId and previousId, each a string that is not empty or a number"
	case c.UserID == "" && c.AnonymousID == "":
		return "no_id", "a call needs userId or anonymousId, a string that is not empty or a number"
	}
	return "", ""
}

// id returns an id's text, "" for none, and whether it is too long to be used.
func id(v Value) (text string, long bool) {
	switch v.Kind() {
	case String:
		text, _ = v.Text()
	case Number:
		text = string(v.raw)
	}
	return text, len(text) > maxID && utf8.RuneCountInString(text) > maxID
}
