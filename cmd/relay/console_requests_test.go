package main

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	requestIDs = regexp.MustCompile(`<code>([0-9a-f]{8}-[0-9a-f-]{27})</code>`)
	olderLink  = regexp.MustCompile(`href="(/requests\?[^"]*)">Older`)
)

// TestConsoleRequests: page by page, Requests shows every request once, the newest
// first, whatever the filter.
func TestConsoleRequests(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	for i := range 160 {
		if i%3 == 0 || 60 < i && i < 125 {
			server.post("no JSON")
		} else {
			server.send(ordered)
		}
	}
	waitFor(t, "all requests to be noted", func() bool { return text(t, db, `SELECT count(*) FROM relay.requests`) == "160" })
	for query, condition := range map[string]string{
		"": "true", "outcome=accepted": "status = 200", "outcome=refused": "status <> 200", "outcome=invalid_json": "code = 'invalid_json'",
		"source=env": "true", "source=nobody": "false",
	} {
		var got []string
		for path := "/requests?" + query; path != ""; {
			_, body := server.ask("GET", path, "", nil)
			found := requestIDs.FindAllStringSubmatch(body, -1)
			if len(found) == 0 && len(got) > 0 && strings.Contains(body, "Older") {
				t.Fatalf("%s: an empty page that leads on:\n%s", path, body)
			}
			for _, match := range found {
				got = append(got, match[1])
			}
			path = ""
			if next := olderLink.FindStringSubmatch(body); next != nil {
				path = html.UnescapeString(next[1])
			}
		}
		want := strings.Fields(text(t, db, `SELECT string_agg(request_id, ' ' ORDER BY received_at DESC, request_id DESC) FROM relay.requests WHERE `+condition))
		if !slices.Equal(got, want) {
			t.Errorf("%q shows %d requests, want %d, or in another order:\n%v\n%v", query, len(got), len(want), got, want)
		}
	}
	one := text(t, db, `SELECT request_id FROM relay.requests WHERE status <> 200 LIMIT 1`)
	if _, body := server.ask("GET", "/requests?id="+one, "", nil); strings.Count(body, one) != 2 {
		t.Errorf("one request by its id: %s", body)
	}
}

// TestConsoleRetries: a rejected body is tried again as it came, and what cannot
// be used stays.
func TestConsoleRetries(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.post("no JSON")
	if status, _, body := server.form("/rejected/1/retry", nil); status != 409 || !strings.Contains(body, "The body is still rejected") {
		t.Errorf("what is no JSON: %d, %s", status, body)
	}
	if _, err := db.Exec(`UPDATE relay_store.rejected SET body = $1`, peter); err != nil { // as if a newer release could read it
		t.Fatal(err)
	}
	if status, _, body := server.form("/rejected/1/retry", nil); status != 200 || !strings.Contains(body, "in the log now") {
		t.Errorf("what can be used: %d, %s", status, body)
	}
	if status, _, body := server.form("/rejected/1/retry", nil); status != 409 || !strings.Contains(body, "already") {
		t.Errorf("once more: %d, %s", status, body)
	}
	if got := text(t, db, `SELECT count(*) FROM relay.payloads`); got != "1" {
		t.Errorf("%s payloads are in the log", got)
	}
}
