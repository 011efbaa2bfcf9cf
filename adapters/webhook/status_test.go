package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"relay/app"
	"relay/app/ingest"
)

// TestStatuses has every line of the contract's table of statuses that is the
// sender's doing.
func TestStatuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	deep := `{"type":"track","userId":"1","event":"E","properties":` + strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600) + "}"
	type expected struct {
		status   int
		code     string
		kept     bool // in the rejected store
		noted    bool // among the refused requests
		rejected string
	}
	fine := expected{status: 200}
	bad := func(code string) expected { return expected{status: 400, code: code, kept: true, noted: true} }
	refused := func(status int, code string) expected { return expected{status: status, code: code, noted: true} }
	header := func(key, value string) map[string]string { return map[string]string{key: value} }
	for _, c := range []struct {
		name    string
		request request
		want    expected
	}{
		{"a call", request{body: call}, fine},
		{"without the last slash", request{path: "/connector/segment", body: call}, fine},
		{"an array", request{body: "[" + call + "," + call + "]"}, fine},
		{"text/plain", request{body: call, header: header("Content-Type", "text/plain")}, fine},
		{"a content type of any kind", request{body: call, header: header("Content-Type", "nonsense; x")}, fine},
		{"no content type", request{body: call, header: header("Content-Type", "")}, fine},
		{"gzip", request{body: gzipped(call), header: gzipHeader}, fine},
		{"gzip in two members", request{body: gzipped(call[:9]) + gzipped(call[9:]), header: gzipHeader}, fine},
		{"GZip", request{body: gzipped(call), header: header("Content-Encoding", " GZip")}, fine},
		{"identity", request{body: call, header: header("Content-Encoding", "Identity")}, fine},
		{"some calls unusable", request{body: `[` + call + `,{"type":"nonsense","userId":"1"},7,{"type":"track"},{"type":"track","userId":"` + long + `"},` + deep + `]`},
			expected{status: 200, rejected: "1:unknown_type 2:not_an_object 3:no_id 4:id_too_long 5:too_deep"}},
		{"U+0000", request{body: `{"type":"track","userId":"a\u0000b","event":"E"}`}, fine},
		{"a huge number", request{body: `{"type":"track","userId":"1","event":"E","properties":{"n":1e999999}}`}, fine},
		{"just not too large", request{body: call + strings.Repeat(" ", 10_000-len(call))}, fine},
		{"just not too large when decoded", request{body: gzipped(call + strings.Repeat(" ", 10_000-len(call))), header: gzipHeader}, fine},
		{"empty body", request{}, bad("invalid_json")},
		{"truncated JSON", request{body: call[:20]}, bad("invalid_json")},
		{"more than one value", request{body: call + call}, bad("invalid_json")},
		{"invalid UTF-8", request{body: "{\"type\":\"track\",\"userId\":\"\xff\"}"}, bad("invalid_json")},
		{"empty array", request{body: "[]"}, bad("no_usable_call")},
		{"unknown type", request{body: `{"type":"nonsense","userId":"1"}`}, bad("no_usable_call")},
		{"no id", request{body: `{"type":"track","event":"E"}`}, bad("no_usable_call")},
		{"deep nesting", request{body: deep}, bad("no_usable_call")},
		{"a number", request{body: "7"}, bad("no_usable_call")},
		{"gzip that is not", request{body: call, header: gzipHeader}, bad("invalid_encoding")},
		{"gzip that ends early", request{body: gzipped(call)[:30], header: gzipHeader}, bad("invalid_encoding")},
		{"gzip with a wrong checksum", request{body: gzipped(call)[:len(gzipped(call))-8] + "12345678", header: gzipHeader}, bad("invalid_encoding")},
		{"gzip and more", request{body: gzipped(call) + "more", header: gzipHeader}, bad("invalid_encoding")},
		{"gzip of nothing", request{header: gzipHeader}, bad("invalid_encoding")},
		{"no key", request{auth: "none", body: call}, expected{status: 401, code: "unauthorized"}},
		{"an unknown key", request{auth: "Bearer bad", body: call}, expected{status: 401, code: "unauthorized"}},
		{"GET", request{method: "GET"}, refused(405, "method_not_allowed")},
		{"PUT", request{method: "PUT", body: call}, refused(405, "method_not_allowed")},
		{"OPTIONS", request{method: "OPTIONS"}, refused(405, "method_not_allowed")},
		{"GET without a key", request{method: "GET", auth: "none"}, expected{status: 405, code: "method_not_allowed"}},
		{"br", request{body: call, header: header("Content-Encoding", "br")}, refused(415, "unsupported_encoding")},
		{"gzip twice", request{body: gzipped(gzipped(call)), header: header("Content-Encoding", "gzip, gzip")}, refused(415, "unsupported_encoding")},
		{"too large", request{body: strings.Repeat(" ", 10_001)}, refused(413, "too_large")},
		{"too large when decoded", request{body: gzipped(strings.Repeat(" ", 10_001)), header: gzipHeader}, refused(413, "too_large")},
		{"a bomb", request{body: gzipped(strings.Repeat(" ", 8_000_000)), header: gzipHeader}, refused(413, "too_large")},
		{"elsewhere", request{path: "/connector", body: call}, expected{status: 404, code: "not_found"}},
		{"two slashes", request{path: "/connector/segment//", body: call}, expected{status: 404, code: "not_found"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			reply, a := do(t, newServer(t, m, nil), c.request)
			want := c.want
			if reply.StatusCode != want.status || a.Error.Code != want.code || a.Success != (want.status == 200) || (want.code != "") != (a.Error.Message != "") {
				t.Errorf("status %d, %+v; want %d %s", reply.StatusCode, a, want.status, want.code)
			}
			id := reply.Header.Get("X-Request-Id")
			if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 7 {
				t.Errorf("X-Request-Id %q", id)
			}
			if len(m.entries) == 1 != (want.status == 200) || len(m.rejected) == 1 != want.kept || len(m.requests) == 1 != want.noted {
				t.Fatalf("%d entries, %d bodies kept, %d requests noted", len(m.entries), len(m.rejected), len(m.requests))
			}
			if want.kept && (m.rejected[0].RequestID != id || string(m.rejected[0].Body) != c.request.body || m.rejected[0].Code != want.code) {
				t.Errorf("kept %+v under request %s", m.rejected[0], id)
			}
			if want.noted && (m.requests[0].RequestID != id || m.requests[0].Status != want.status || m.requests[0].Code != want.code) {
				t.Errorf("noted %+v under request %s", m.requests[0], id)
			}
			if allow := reply.Header.Get("Allow"); (allow == "POST") != (want.status == 405) {
				t.Errorf("Allow %q", allow)
			}
			var codes []string
			for _, r := range a.Rejected {
				codes = append(codes, fmt.Sprintf("%d:%s", r.Index, r.Code))
			}
			if got := strings.Join(codes, " "); got != want.rejected || a.RejectedCount != len(codes) {
				t.Errorf("rejected %d calls: %q, want %q", a.RejectedCount, got, want.rejected)
			}
		})
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	reply, _ := do(t, newServer(t, newMemory(), nil), request{method: "HEAD"})
	if reply.StatusCode != 405 || reply.Header.Get("X-Request-Id") == "" {
		t.Errorf("status %d, header %v", reply.StatusCode, reply.Header)
	}
}

// TestOurFaults: what is not the sender's fault makes it send again.
func TestOurFaults(t *testing.T) {
	t.Parallel()
	waits := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", app.ErrUnavailable, ctx.Err())
	}
	for _, c := range []struct {
		name    string
		break_  func(*memory)
		request request
		status  int
		code    string
		noted   int
	}{
		{"the log is away", func(m *memory) { m.fail = app.ErrUnavailable }, request{body: call}, 503, "unavailable", 1},
		{"an error nobody thought of", func(m *memory) { m.fail = errors.New("?") }, request{body: call}, 503, "unavailable", 1},
		{"no room", func(m *memory) { m.fail = app.ErrOverloaded }, request{body: call}, 429, "overloaded", 1},
		{"a panic", func(m *memory) { m.block = func(context.Context, ingest.NewEntry) error { panic("?") } }, request{body: call}, 503, "unavailable", 1},
		{"a panic before the key is known", func(m *memory) { m.find = func(context.Context) error { panic("?") } }, request{body: call}, 503, "unavailable", 0},
		{"keys cannot be read", func(m *memory) { m.find = func(context.Context) error { return app.ErrUnavailable } }, request{body: call}, 503, "unavailable", 0},
		{"keys cannot be read, and the key is in the body", func(m *memory) { m.find = func(context.Context) error { return app.ErrUnavailable } },
			request{path: "/v1/track", auth: "none", body: `{"writeKey":"good"}`}, 503, "unavailable", 0},
		{"keys take too long", func(m *memory) { m.find = waits }, request{body: call}, 503, "unavailable", 0},
		{"a bad body cannot be kept", func(m *memory) { m.failKeep = errors.New("?") }, request{body: "nonsense"}, 503, "unavailable", 1},
		{"bad gzip cannot be kept", func(m *memory) { m.failKeep = errors.New("?") }, request{body: call, header: gzipHeader}, 503, "unavailable", 1},
		{"a body with a bad signature cannot be kept", func(m *memory) { m.failKeep = errors.New("?") }, request{auth: "Bearer signed", body: call}, 503, "unavailable", 1},
		{"a bad body is not kept in time", func(m *memory) { m.stuck = true }, request{body: "nonsense"}, 503, "unavailable", 1},
		{"the log takes too long", func(m *memory) { m.block = func(ctx context.Context, _ ingest.NewEntry) error { return waits(ctx) } }, request{body: call}, 503, "unavailable", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			c.break_(m)
			reply, a := do(t, newServer(t, m, func(c *Config) { c.WriteTimeout = 100 * time.Millisecond }), c.request)
			if reply.StatusCode != c.status || a.Error.Code != c.code || reply.Header.Get("Retry-After") != "1" {
				t.Errorf("status %d, %+v, Retry-After %q; want %d", reply.StatusCode, a, reply.Header.Get("Retry-After"), c.status)
			}
			if len(m.requests) != c.noted || len(m.entries)+len(m.rejected) != 0 || m.inFlight != 0 {
				t.Errorf("%d requests noted, want %d; %d entries, %d kept, %d bytes in flight", len(m.requests), c.noted, len(m.entries), len(m.rejected), m.inFlight)
			}
		})
	}
}
