package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// readJSON reads one value: objects are maps, numbers json.Number, or strings
// where Postgres' numeric cannot hold them; U+0000 and unpaired surrogates are
// U+FFFD.
func readJSON(body []byte) (any, bool) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	return clean(v), true
}

func clean(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD")
	case json.Number:
		if !numeric(v.String()) {
			return v.String()
		}
	case []any:
		for i := range v {
			v[i] = clean(v[i])
		}
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			out[strings.ReplaceAll(key, "\x00", "\uFFFD")] = clean(member)
		}
		return out
	}
	return v
}

// numeric: at most 131,072 digits before the point and 16,383 after it.
func numeric(text string) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(text, "-")), "e")
	shift := new(big.Int)
	if exponent != "" {
		shift.SetString(strings.TrimPrefix(exponent, "+"), 10)
	}
	if shift.CmpAbs(big.NewInt(1_000_000)) > 0 {
		return false
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	before, after := len(whole)+int(shift.Int64()), len(fraction)-int(shift.Int64())
	zeros := len(whole+fraction) - len(strings.TrimLeft(whole+fraction, "0"))
	return after <= 16383 && (zeros == len(whole+fraction) || before-zeros <= 131072)
}

func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
	default:
		return 0
	}
	return deepest + 1
}

// callsOf returns the usable calls of a payload (rules 1 to 7).
func callsOf(e Entry) (calls []call) {
	v, ok := readJSON(e.Body)
	if !ok {
		return nil
	}
	var sentAt any
	list := []any{v}
	if array, ok := v.([]any); ok {
		list = array
	} else if object, ok := v.(map[string]any); ok {
		if batch, ok := object["batch"].([]any); ok {
			list, sentAt = batch, object["sentAt"]
		}
	}
	for i, element := range list {
		fields, ok := element.(map[string]any)
		if !ok || depth(fields) > 512 {
			continue
		}
		c := call{entry: e, index: i, fields: fields, kind: e.PathType}
		if kind := fields["type"]; kind != nil {
			c.kind, _ = kind.(string)
		}
		if !strings.Contains(" identify track page screen group alias delete ", " "+c.kind+" ") || c.kind == "" || !c.readIDs() {
			continue
		}
		if fields["sentAt"] == nil {
			fields["sentAt"] = sentAt
		}
		c.at = c.observedAt()
		calls = append(calls, c)
	}
	return calls
}

func (c *call) readIDs() bool {
	c.userID, c.anonID = id(c.fields["userId"]), id(c.fields["anonymousId"])
	if c.kind == "alias" {
		c.previous = id(c.fields["previousId"])
		if c.userID == "" || c.previous == "" {
			return false
		}
	}
	for _, text := range []string{c.userID, c.anonID, c.previous} {
		if utf8.RuneCountInString(text) > 255 {
			return false
		}
	}
	return c.userID != "" || c.anonID != ""
}

func id(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (c call) messageID() string {
	if m := id(c.fields["messageId"]); m != "" {
		return m
	}
	return fmt.Sprintf("log:%d:%d", c.entry.Offset, c.index)
}

// observedAt is rules 6 and 7.
func (c call) observedAt() time.Time {
	received := c.entry.ReceivedAt
	own, hasOwn := readTime(c.fields["timestamp"])
	original, hasOriginal := readTime(c.fields["originalTimestamp"])
	sent, hasSent := readTime(c.fields["sentAt"])
	_, corrected := readTime(c.fields["receivedAt"])
	at := received
	switch {
	case !hasOwn && !hasOriginal:
	case !corrected && hasSent:
		from := own
		if hasOriginal {
			from = original
		}
		at = time.UnixMicro(received.UnixMicro() - (sent.UnixMicro() - from.UnixMicro()))
	case hasOwn:
		at = own
	default:
		at = original
	}
	if at.After(received) {
		at = received
	}
	if first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(first) {
		at = first
	}
	return at.UTC()
}

var timePattern = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)` +
	`(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?)?$`)

func readTime(v any) (time.Time, bool) {
	text, ok := v.(string)
	parts := timePattern.FindStringSubmatch(text)
	if !ok || parts == nil {
		return time.Time{}, false
	}
	date, err := time.Parse("2006-01-02", parts[1])
	if err != nil || date.Year() == 0 {
		return time.Time{}, false
	}
	hour, minute, second := digits(parts[2]), digits(parts[3]), digits(parts[4])
	micros := digits((parts[5] + "000000")[:6])
	midnight := hour == 24 && minute == 0 && second == 0 && micros == 0
	if hour > 23 && !midnight || minute > 59 || second > 60 || digits(parts[8]) > 23 || digits(parts[9]) > 59 {
		return time.Time{}, false
	}
	offset := time.Duration(digits(parts[8]))*time.Hour + time.Duration(digits(parts[9]))*time.Minute
	if parts[7] == "-" {
		offset = -offset
	}
	return date.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second +
		time.Duration(micros)*time.Microsecond - offset), true
}

// digits reads decimal digits; none are 0.
func digits(text string) (n int) {
	for _, d := range text {
		n = n*10 + int(d-'0')
	}
	return n
}

// find is rule 11.
func find(traits map[string]any, path string) any {
	if v, ok := traits[path]; ok {
		return v
	}
	var v any = traits
	for _, key := range strings.Split(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	return v
}

// channelValues is rule 13.
func channelValues(channel string, v any) (values []string) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, element := range list {
		text, ok := element.(string)
		if text = strings.TrimFunc(text, unicode.IsSpace); ok && validChannel(channel, text) {
			values = append(values, text)
		}
	}
	return values
}

func validChannel(channel, text string) bool {
	n := utf8.RuneCountInString(text)
	switch channel {
	case "email":
		return n >= 6 && n <= 127 && emailPattern.MatchString(text) && !strings.ContainsFunc(text, unicode.IsSpace)
	case "sms", "whatsapp":
		return n >= 8 && n <= 32 && phonePattern.MatchString(text)
	}
	return n >= 1 && n <= 4096
}

var (
	emailPattern  = regexp.MustCompile(`^\S+@\S+\.\S+$`)
	phonePattern  = regexp.MustCompile(`^\+[0-9][0-9 ().-]*$`)
	localePattern = regexp.MustCompile(`^[a-z]{2}([_-][A-Z]{2})?$`)
)

func isLanguage(s string) bool { return len(s) == 2 && strings.Contains(" "+languages+" ", " "+s+" ") }

func isLocale(s string) bool { return localePattern.MatchString(s) && isLanguage(s[:2]) }

// isTimezone knows the names that tests use, good and bad.
func isTimezone(s string) bool {
	switch s {
	case "Europe/Berlin", "Asia/Kolkata", "America/New_York", "UTC", "America/Argentina/Ushuaia":
		return true
	}
	return false
}

const languages = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv " +
	"dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie " +
	"ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv " +
	"mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm " +
	"rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts " +
	"tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
