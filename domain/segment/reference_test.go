package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The rules once more, naively, on encoding/json: what Parse must agree with.

type members = map[string]json.RawMessage

func referenceParse(body []byte, pathKind Kinds) (lines []string, ok bool) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, false
	}
	calls, sentAt := []json.RawMessage{body}, json.RawMessage(nil)
	var list []json.RawMessage
	if m, isObject := objectOf(body); isObject {
		if json.Unmarshal(m["batch"], &list) == nil && list != nil {
			calls, sentAt = list, m["sentAt"]
		}
	} else if json.Unmarshal(body, &list) == nil && list != nil {
		calls = list
	}
	for i, raw := range calls {
		lines = append(lines, fmt.Sprintf("%d %s", i, referenceCall(raw, pathKind, sentAt)))
	}
	return lines, true
}

func objectOf(raw []byte) (m members, ok bool) {
	return m, json.Unmarshal(raw, &m) == nil && m != nil
}

func referenceCall(raw []byte, pathKind Kinds, sentAt json.RawMessage) string {
	m, isObject := objectOf(raw)
	kind := pathKind
	if isGiven(m["type"]) {
		kind = KindOfType(referenceText(m["type"]))
	}
	user, anonymous, previous := referenceID(m["userId"]), referenceID(m["anonymousId"]), ""
	if kind == Alias {
		previous = referenceID(m["previousId"])
	}
	long := func(id string) bool { return utf8.RuneCountInString(id) > 255 }
	switch {
	case !isObject:
		return "not_an_object"
	case referenceDepth(raw) > 512:
		return "too_deep"
	case kind == 0:
		return "unknown_type"
	case slices.ContainsFunc([]string{user, anonymous, previous}, long):
		return "id_too_long"
	case kind == Alias && (user == "" || previous == ""), user == "" && anonymous == "":
		return "no_id"
	}
	if !isGiven(m["sentAt"]) {
		m["sentAt"] = sentAt
	}
	return fmt.Sprintf("%s %q %q %q %q %q %q %q %s", kind, user, anonymous, previous,
		referenceID(m["messageId"]), referenceText(m["event"]), referenceText(m["name"]), referenceText(m["category"]), referenceObservedAt(m))
}

func isGiven(raw json.RawMessage) bool { return raw != nil && string(raw) != "null" }

func isNumber(raw json.RawMessage) bool { return len(raw) > 0 && (raw[0] == '-' || isDigit(raw[0])) }

// referenceText: a number beyond numeric is a string for all rules.
func referenceText(raw json.RawMessage) (text string) {
	if isNumber(raw) && !isNumeric(raw) {
		return string(raw)
	}
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

func referenceID(raw json.RawMessage) string {
	if isNumber(raw) {
		return string(raw)
	}
	return referenceText(raw)
}

func referenceDepth(raw []byte) (deepest int) {
	depth := 0
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		switch token, err := d.Token(); {
		case err != nil:
			return deepest
		case token == json.Delim('{'), token == json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case token == json.Delim('}'), token == json.Delim(']'):
			depth--
		}
	}
}

var testReceived = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func referenceObservedAt(m members) string {
	problems := 0
	read := func(field string) (t time.Time, ok bool) {
		if !isGiven(m[field]) {
			return t, false
		}
		t, err := time.Parse(time.RFC3339Nano, referenceText(m[field]))
		if err != nil {
			problems++
		}
		return t.Truncate(time.Microsecond), err == nil
	}
	timestamp, hasTimestamp := read("timestamp")
	original, hasOriginal := read("originalTimestamp")
	sentAt, hasSentAt := read("sentAt")
	_, corrected := read("receivedAt")
	at := testReceived
	if hasTimestamp {
		at = timestamp
	} else if hasOriginal {
		at = original
	}
	if skewed := hasSentAt && !corrected && (hasTimestamp || hasOriginal); skewed && hasOriginal {
		at = testReceived.Add(-sentAt.Sub(original))
	} else if skewed {
		at = testReceived.Add(-sentAt.Sub(timestamp))
	}
	if at.After(testReceived) {
		at = testReceived
	}
	return fmt.Sprintf("%s %d", at.UTC().Format(time.RFC3339Nano), problems)
}

// linesOf puts a payload in the form of referenceParse.
func linesOf(p Payload) []string {
	lines := make([]string, p.Total)
	for i := range p.Calls {
		c := &p.Calls[i]
		at, problems := c.ObservedAt(InstantOf(testReceived))
		lines[c.Index] = fmt.Sprintf("%d %s %q %q %q %q %q %q %q %s %d", c.Index, c.Kind, c.UserID, c.AnonymousID, c.PreviousID,
			c.MessageID, c.Event, c.Name, c.Category, at.Time().Format(time.RFC3339Nano), len(problems))
	}
	for _, r := range p.Rejected {
		lines[r.Index] = fmt.Sprintf("%d %s", r.Index, r.Code)
	}
	return lines
}

var (
	keyGen = rapid.SampledFrom([]string{
		"type", "userId", `us\u0065rId`, "anonymousId", "previousId", "messageId", "event", "name", "category", "traits", "properties", "sentAt",
		"timestamp", "originalTimestamp", `\u0073entAt`, "receivedAt", "batch", "UserId", `x\u0000`, `\ud800`, "",
	})
	valueGen = rapid.SampledFrom([]string{
		`"track"`, `"al\u0069as"`, `"identify"`, `"Track"`, `"delete"`, `""`, `"é\ud83d\ude00\ud83d\u0000\\\"\/"`, `"x"`, `null`, `true`, ` 12.50`, `-0 `, `1e5`, `1e-99999`, `[]`, `{}`, `[1,[{"type":"track"}]]`,
		`{"a":{"b":[null]}}`, `"2026-01-01T11:00:00Z"`, `"2026-01-01T11:30:00.1234567+00:30"`, `"2026\u002d01-01T10:59:58Z"`, `"yesterday"`, `"` + strings.Repeat("é", 256) + `"`,
		strings.Repeat("[", 511) + strings.Repeat("]", 511), strings.Repeat(`{"a":`, 511) + `[]` + strings.Repeat("}", 511),
	})
	callGen = rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "no object") == 0 {
			return valueGen.Draw(t, "value")
		}
		parts := []string{}
		if rapid.Bool().Draw(t, "usable") {
			parts = append(parts, `"type":"track"`, "\n\"userId\" : \"u\"")
		}
		for range rapid.IntRange(0, 7).Draw(t, "members") {
			parts = append(parts, `"`+keyGen.Draw(t, "key")+`":`+valueGen.Draw(t, "value"))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	})
	payloadGen = rapid.Custom(func(t *rapid.T) string {
		calls := func() string { return "[" + strings.Join(rapid.SliceOfN(callGen, 0, 4).Draw(t, "calls"), "\t,") + "]" }
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			return callGen.Draw(t, "call")
		case 1:
			return calls()
		case 2:
			return `{"batch":` + calls() + `,"sentAt":` + valueGen.Draw(t, "sentAt") + `}`
		}
		return `{"sentAt":` + valueGen.Draw(t, "sentAt") + `,"b\u0061tch":` + calls() + `,"type":"page","userId":1,"batch":` + rapid.OneOf(valueGen, rapid.Custom(func(*rapid.T) string { return calls() })).Draw(t, "last") + `}`
	})
)

// Parallel tests share callGen, and rapid names a generator when a list first draws from it.
func init() { _ = callGen.String() }

func checkAgainstReference(t interface{ Fatalf(string, ...any) }, body []byte, pathKind Kinds) {
	want, valid := referenceParse(body, pathKind)
	p, err := new(Parser).Parse(body, pathKind)
	if got := linesOf(p); (err == nil) != valid || !slices.Equal(got, want) {
		t.Fatalf("%q: %v\n%s\nwant %v\n%s", body, err, strings.Join(got, "\n"), valid, strings.Join(want, "\n"))
	}
}

func TestParseAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkAgainstReference(t, []byte(payloadGen.Draw(t, "payload")), rapid.SampledFrom([]Kinds{0, Track, Alias}).Draw(t, "path"))
	})
}

// TestParseOfDamagedPayloads: bytes lost, changed and doubled.
func TestParseOfDamagedPayloads(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{"", `"`, `\`, "{", "}", "[", "]", ",", ":", " ", "0", "-", ".", "e", "\x00", "\x1f", "\xff", "\xc3", "\ufeff", `\u`, `\ud800`, "null"})
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(payloadGen.Draw(t, "payload"))
		for range rapid.IntRange(1, 3).Draw(t, "damages") {
			at := rapid.IntRange(0, len(body)).Draw(t, "at")
			end := rapid.IntRange(at, min(at+2, len(body))).Draw(t, "end")
			body = slices.Concat(body[:at], []byte(piece.Draw(t, "piece")), body[end:])
		}
		checkAgainstReference(t, body, 0)
	})
}
