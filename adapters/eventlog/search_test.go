package eventlog

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// spellings are the ways to write a character in a JSON string.
func spellings(r rune) []string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '/': `\/`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	var ways []string
	if r >= ' ' && r != '"' && r != '\\' {
		ways = append(ways, string(r))
	}
	if s, ok := short[r]; ok {
		ways = append(ways, s)
	}
	if a, b := utf16.EncodeRune(r); a != '\ufffd' {
		return append(ways, fmt.Sprintf(`\u%04x\u%04X`, a, b))
	}
	return append(ways, fmt.Sprintf(`\u%04x`, r), fmt.Sprintf(`\u%04X`, r))
}

// TestSearchPassesOverNobody: however a payload writes an id, one or the other
// of what is searched for is in it.
func TestSearchPassesOverNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringOfN(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("a1-.eE/\"\\\n\ufffd"))), 1, 8, -1).Draw(t, "id")
		written := ""
		for _, r := range id {
			written += rapid.SampledFrom(spellings(r)).Draw(t, "spelling")
		}
		payload := []byte(`{"userId":"` + written + `"}`)
		v, err := segment.ValueOf(payload)
		if err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		member, _ := v.Get("userId")
		read, _ := member.Text() // with what Postgres refuses replaced
		needle, escape := searchFor(read)
		if !bytes.Contains(payload, needle) && !bytes.Contains(payload, escape) {
			t.Fatalf("%q is %q, and neither %q nor %q is in it", payload, read, needle, escape)
		}
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	a := newAppender(t, db, AppenderConfig{})
	for _, body := range []string{
		`{"userId":"u1"}`, `{"userId":"u12"}`, `{"userId":17}`, `{"userId":"17"}`, `{"userId":"u\u0031"}`, `{"userId":"x\/y","n":"a\"b"}`, `{"userId":"x/y"}`, `{"n":"a\nb"}`,
	} {
		if err := a.Append(t.Context(), entry(body, segment.Track)); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string][]eventlog.Offset{
		"u1":  {1, 5},
		"17":  {3, 4, 5},
		"x/y": {5, 6, 7, 8},
		"u3":  {5},
	} {
		var found []eventlog.Offset
		err := postgres.Database{DB: db}.InSnapshot(t.Context(), func(tx app.Tx) error {
			return Reader{}.Search(t.Context(), tx, eventlog.Range{UpTo: 100}, segment.Track, id, func(e *eventlog.Entry) error {
				found = append(found, e.Offset)
				return nil
			})
		})
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: found %v (%v), want %v", id, found, err, want)
		}
	}
}
