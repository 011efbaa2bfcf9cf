package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/docker/go-units"
)

// functions are what templates can call.
var functions = template.FuncMap{
	"navigation": func() any { return navigation },
	"when":       when, "iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"deref":  func(t *time.Time) time.Time { return *t },
	"bytes":  func(n int64) string { return units.BytesSize(float64(n)) },
	"size":   func(n int) string { return units.BytesSize(float64(n)) },
	"number": number, "plural": plural, "pretty": pretty, "body": bodyText, "query": query,
	"text": func(b []byte) string { return string(b) }, "join": strings.Join, "list": func(values ...any) []any { return values },
	"percent": func(done, total int64) int64 { return 100 * min(done, total) / max(total, 1) },
}

// when formats a time for people: UTC, to the second.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// number groups digits, for any kind of whole number.
func number(n any) string {
	text, sign := fmt.Sprint(n), ""
	if strings.HasPrefix(text, "-") {
		text, sign = text[1:], "-"
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// plural is a number with its noun.
func plural(n any, one, more string) string {
	if number(n) == "1" {
		return "1 " + one
	}
	return number(n) + " " + more
}

// maxShownBody is how much of a payload a page shows, in bytes.
const maxShownBody = 64 << 10

// bodyText is a payload as text, with what is no text replaced, and the rest of
// a long one left out.
func bodyText(b []byte) string {
	text := b[:min(len(b), maxShownBody)]
	if json.Valid(b) && len(b) <= maxShownBody/2 {
		text = []byte(pretty(b))
	}
	for len(text) > 0 && len(text) < len(b) && !utf8.RuneStart(b[len(text)]) {
		text = text[:len(text)-1]
	}
	out := strings.ToValidUTF8(string(text), "\uFFFD")
	if len(b) > maxShownBody {
		out += fmt.Sprintf("\n… and %s more", units.BytesSize(float64(len(b)-len(text))))
	}
	return out
}

// pretty indents JSON; what is none stays as it is.
func pretty(value any) string {
	var text []byte
	switch v := value.(type) {
	case []byte:
		text = v
	case json.RawMessage:
		text = v
	case string:
		text = []byte(v)
	}
	var out bytes.Buffer
	if len(text) > maxShownBody || json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// query writes an address's query from names and values; empty values are left
// out.
func query(pairs ...any) template.URL {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if text := fmt.Sprint(pairs[i+1]); text != "" {
			values.Set(fmt.Sprint(pairs[i]), text)
		}
	}
	return template.URL(values.Encode()) // it escapes all that could mean something
}

// whole reads a whole number out of an address.
func whole(text, what string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is a number, got %q", ErrBadRequest, what, text)
	}
	return n, nil
}
