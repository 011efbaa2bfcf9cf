package webhook

import (
	"strings"
	"testing"

	"relay/domain/segment"
)

// TestRoutes has every route of the contract, with the kind that a call without
// a type gets.
func TestRoutes(t *testing.T) {
	t.Parallel()
	kinds := map[string]segment.Kinds{
		"/v1/identify": segment.Identify, "/v1/i": segment.Identify,
		"/v1/track": segment.Track, "/v1/t": segment.Track,
		"/v1/page": segment.Page, "/v1/p": segment.Page,
		"/v1/screen": segment.Screen, "/v1/s": segment.Screen,
		"/v1/group": segment.Group, "/v1/g": segment.Group,
		"/v1/alias": segment.Alias, "/v1/a": segment.Alias,
		"/v1/batch": 0, "/v1/import": 0, "/v1/b": 0,
		"/connector/segment": 0,
	}
	if len(kinds) != len(routes) {
		t.Errorf("there are %d routes, want %d", len(routes), len(kinds))
	}
	for path, kind := range kinds {
		for _, slash := range []string{"", "/"} {
			t.Run(path+slash, func(t *testing.T) {
				t.Parallel()
				m := newMemory()
				body, want := `{"userId":"1","previousId":"2","event":"E"}`, kind
				if kind == 0 {
					body, want = `{"batch":[`+call+`]}`, segment.Track
				}
				reply, a := do(t, newServer(t, m, nil), request{path: path + slash, body: body})
				if reply.StatusCode != 200 || len(m.entries) != 1 {
					t.Fatalf("status %d, %+v", reply.StatusCode, a)
				}
				if e := m.entries[0]; e.Inbound.Route != path || e.Kinds != want || e.Inbound.PathKind != kind {
					t.Errorf("route %s, kinds %s of path kind %s; want %s, %s, %s", e.Inbound.Route, e.Kinds, e.Inbound.PathKind, path, want, kind)
				}
			})
		}
	}
}

func TestNotFoundListsTheRoutes(t *testing.T) {
	t.Parallel()
	_, a := do(t, newServer(t, newMemory(), nil), request{path: "/v2/track", body: call})
	for path := range routes {
		if !strings.Contains(a.Error.Message, path) {
			t.Errorf("%q does not name %s", a.Error.Message, path)
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	m := newMemory()
	server := newServer(t, m, nil)
	for path, r := range routes {
		reply, _ := do(t, server, request{method: "OPTIONS", path: path, auth: "none", header: map[string]string{
			"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
		}})
		h := reply.Header
		if r.cors != (reply.StatusCode == 204) || r.cors != (h.Get("Access-Control-Allow-Origin") == "*") || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: status %d, header %v", path, reply.StatusCode, h)
		}
		if r.cors && (!strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Content-Type")) {
			t.Errorf("%s: header %v", path, h)
		}
	}
}

// TestPagesCanReadEveryAnswer: without the header a browser hides the answer
// from the library, which then sends again for ever.
func TestPagesCanReadEveryAnswer(t *testing.T) {
	t.Parallel()
	server := newServer(t, newMemory(), nil)
	for status, r := range map[int]request{
		200: {body: call}, 400: {body: "nonsense"}, 401: {auth: "Bearer bad"}, 403: {auth: "Bearer signed", body: call},
		405: {method: "GET"}, 413: {body: strings.Repeat(" ", 10_001)}, 415: {header: map[string]string{"Content-Encoding": "br"}},
	} {
		r.path = "/v1/t"
		reply, _ := do(t, server, r)
		if reply.StatusCode != status || reply.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("status %d, want %d; header %v", reply.StatusCode, status, reply.Header)
		}
		if status == 405 && reply.Header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("Allow %q", reply.Header.Get("Allow"))
		}
		r.path = "/connector/segment"
		if reply, _ := do(t, server, r); reply.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("the connector lets pages read a %d", reply.StatusCode)
		}
	}
}
