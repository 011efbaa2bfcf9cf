package segment

import "unicode/utf8"

// maxDepth is how deep a call may be nested, itself counted.
const maxDepth = 512

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

// Claims reports whether the call names an anonymous id together with a userId, in
// a way that says that both are one person's.
func (c *Call) Claims() bool {
	return c.UserID != "" && c.AnonymousID != "" && !c.Kind.Has(Alias|Delete)
}

// kinds returns the call's kind, and Claims if it names both ids.
func (c *Call) kinds() Kinds {
	if c.Claims() {
		return c.Kind | Claims
	}
	return c.Kind
}

// unusable says why a call is unusable, and what to do about it.
type unusable struct{ code, message string }

var (
	notAnObject = unusable{"not_an_object", `a call is a JSON object such as {"type":"track","userId":"1","event":"Ordered"}`}
	tooDeep     = unusable{"too_deep", "the call is nested deeper than 512 levels: send it flatter"}
	unknownType = unusable{"unknown_type", "type must be identify, track, page, screen, group, alias or delete"}
	idTooLong   = unusable{"id_too_long", "an id is longer than 255 characters: send a shorter one"}
	noID        = unusable{"no_id", "a call needs userId or anonymousId, a string that is not empty or a number"}
	noAliasID   = unusable{"no_id", "an alias needs userId and previousId, each a string that is not empty or a number"}
)

// read fills the empty call from the members and returns nil, or says why the call
// is unusable.
func (c *Call) read(m *callMembers, pathKind Kinds) *unusable {
	if m.depth > maxDepth {
		return &tooDeep
	}
	if c.Kind = m.of[memberType].kindOfCall(pathKind); c.Kind == 0 {
		return &unknownType
	}
	if why := c.readIDs(m); why != nil {
		return why
	}
	c.MessageID, _ = m.of[memberMessageID].id()
	c.Event, _ = m.of[memberEvent].Text()
	c.Name, _ = m.of[memberName].Text()
	c.Category, _ = m.of[memberCategory].Text()
	c.Traits, c.Properties = m.of[memberTraits], m.of[memberProperties]
	c.times = callTimes{
		timestamp: m.of[memberTimestamp], original: m.of[memberOriginalTimestamp],
		sentAt: m.of[memberSentAt], receivedAt: m.of[memberReceivedAt],
	}
	return nil
}

func (c *Call) readIDs(m *callMembers) *unusable {
	var long [3]bool
	c.UserID, long[0] = m.of[memberUserID].id()
	c.AnonymousID, long[1] = m.of[memberAnonymousID].id()
	if c.Kind == Alias {
		c.PreviousID, long[2] = m.of[memberPreviousID].id()
	}
	switch {
	case long[0] || long[1] || long[2]:
		return &idTooLong
	case c.Kind == Alias && (c.UserID == "" || c.PreviousID == ""):
		return &noAliasID
	case c.UserID == "" && c.AnonymousID == "":
		return &noID
	}
	return nil
}

// kindOfCall returns the kind that a member named type gives.
func (v Value) kindOfCall(pathKind Kinds) Kinds {
	switch v.Kind() {
	case Absent, Null:
		return pathKind
	case String:
		if inner, ok := v.verbatim(); ok {
			return KindOfType(string(inner))
		}
		text, _ := v.Text()
		return KindOfType(text)
	}
	return 0
}

// id returns an id's text, "" for none, and whether it is too long to be used.
func (v Value) id() (text string, long bool) {
	switch v.Kind() {
	case String:
		text, _ = v.Text()
	case Number:
		text = string(v.raw)
	}
	return text, len(text) > maxID && utf8.RuneCountInString(text) > maxID
}
