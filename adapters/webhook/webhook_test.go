package webhook

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"relay/app"
	"relay/domain/segment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory stands for everything behind the door.
type memory struct {
	mu       sync.Mutex
	entries  []app.NewEntry
	rejected []app.RejectedBody
	requests []app.RequestRecord
	fail     error                           // of Append
	failKeep error                           // of Keep
	failFind error                           // of Find
	block    func(ctx context.Context) error // in Append, if set
	keys     map[string]app.Key
}

func (m *memory) Append(ctx context.Context, e app.NewEntry) error {
	if m.block != nil {
		if err := m.block(ctx); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.entries = append(m.entries, e)
	}
	return m.fail
}

func (m *memory) Keep(_ context.Context, b app.RejectedBody) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failKeep == nil {
		m.rejected = append(m.rejected, b)
	}
	return m.failKeep
}

func (m *memory) Note(r app.RequestRecord) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r)
}

func (m *memory) Find(_ context.Context, secret string) (app.Key, error) {
	if m.failFind != nil {
		return app.Key{}, m.failFind
	}
	key, ok := m.keys[secret]
	if !ok {
		return key, app.ErrUnknownKey
	}
	return key, nil
}

const signingSecret = "shared"

func newMemory() *memory {
	return &memory{keys: map[string]app.Key{
		"good":   {Name: "web"},
		"signed": {Name: "signed", SigningSecrets: [][]byte{[]byte("older"), []byte(signingSecret)}},
	}}
}

func newDoor(t testing.TB, m *memory, change func(*Config)) *httptest.Server {
	t.Helper()
	config := Config{Ingest: &app.Ingest{Log: m, Rejected: m}, Keys: m, Requests: m, MaxBody: 10_000}
	if change != nil {
		change(&config)
	}
	handler, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

type answer struct {
	Success  bool                `json:"success"`
	Rejected []segment.Rejection `json:"rejected"`
	Error    struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// request is a test's request; zero fields are what Segment sends.
type request struct {
	method, path, auth, body string
	header                   map[string]string
}

func do(t testing.TB, server *httptest.Server, r request) (*http.Response, answer) {
	t.Helper()
	if r.method == "" {
		r.method = "POST"
	}
	if r.path == "" {
		r.path = "/connector/segment/"
	}
	if r.auth == "" {
		r.auth = "Bearer good"
	}
	req, err := http.NewRequest(r.method, server.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.auth != "none" {
		req.Header.Set("Authorization", r.auth)
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	client := &http.Client{Transport: server.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("redirected")
	}}
	reply, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	var a answer
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.method != "HEAD" {
		if err := json.Unmarshal(text, &a); err != nil {
			t.Fatalf("the reply %q is not JSON: %v", text, err)
		}
	}
	return reply, a
}

const call = `{"type":"track","userId":"1","event":"E"}`

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // memory takes everything
	w.Close()
	return b.String()
}

func sign(text string) string {
	mac := hmac.New(sha1.New, []byte(signingSecret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestStatuses has every line of the contract's table of statuses.
func TestStatuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	deep := strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600)
	for _, c := range []struct {
		name     string
		request  request
		status   int
		code     string
		kept     bool   // in the rejected store
		logged   bool   // in the log
		noted    bool   // among the refused requests
		rejected string // codes of unusable calls in an accepted payload
	}{
		{name: "a call", request: request{body: call}, status: 200, logged: true},
		{name: "without the last slash", request: request{path: "/connector/segment", body: call}, status: 200, logged: true},
		{name: "an array", request: request{body: "[" + call + "," + call + "]"}, status: 200, logged: true},
		{name: "text/plain", request: request{body: call, header: map[string]string{"Content-Type": "text/plain"}}, status: 200, logged: true},
		{name: "gzip", request: request{body: gzipped(call), header: map[string]string{"Content-Encoding": "gzip"}}, status: 200, logged: true},
		{name: "identity", request: request{body: call, header: map[string]string{"Content-Encoding": "identity"}}, status: 200, logged: true},
		{name: "some calls unusable", request: request{body: `[` + call + `,{"type":"nonsense","userId":"1"},7,{"type":"track"},{"type":"track","userId":"` + long + `"},` + deepCall(deep) + `]`}, status: 200, logged: true, rejected: "1:unknown_type 2:not_an_object 3:no_id 4:id_too_long 5:too_deep"},
		{name: "empty body", request: request{}, status: 400, code: "invalid_json", kept: true, noted: true},
		{name: "truncated JSON", request: request{body: call[:20]}, status: 400, code: "invalid_json", kept: true, noted: true},
		{name: "more than one value", request: request{body: call + call}, status: 400, code: "invalid_json", kept: true, noted: true},
		{name: "invalid UTF-8", request: request{body: "{\"type\":\"track\",\"userId\":\"\xff\"}"}, status: 400, code: "invalid_json", kept: true, noted: true},
		{name: "empty array", request: request{body: "[]"}, status: 400, code: "no_usable_call", kept: true, noted: true},
		{name: "unknown type", request: request{body: `{"type":"nonsense","userId":"1"}`}, status: 400, code: "no_usable_call", kept: true, noted: true},
		{name: "no id", request: request{body: `{"type":"track","event":"E"}`}, status: 400, code: "no_usable_call", kept: true, noted: true},
		{name: "id of 256 characters", request: request{body: `{"type":"track","userId":"` + long + `"}`}, status: 400, code: "no_usable_call", kept: true, noted: true},
		{name: "deep nesting", request: request{body: deepCall(deep)}, status: 400, code: "no_usable_call", kept: true, noted: true},
		{name: "a number", request: request{body: "7"}, status: 400, code: "no_usable_call", kept: true, noted: true},
		{name: "U+0000", request: request{body: `{"type":"track","userId":"a\u0000b","event":"E"}`}, status: 200, logged: true},
		{name: "a huge number", request: request{body: `{"type":"track","userId":"1","event":"E","properties":{"n":1e999999}}`}, status: 200, logged: true},
		{name: "gzip that is not", request: request{body: call, header: map[string]string{"Content-Encoding": "gzip"}}, status: 400, code: "invalid_encoding", kept: true, noted: true},
		{name: "no key", request: request{auth: "none", body: call}, status: 401, code: "unauthorized"},
		{name: "an unknown key", request: request{auth: "Bearer bad", body: call}, status: 401, code: "unauthorized"},
		{name: "another scheme", request: request{auth: "Digest good", body: call}, status: 401, code: "unauthorized"},
		{name: "signature missing", request: request{auth: "Bearer signed", body: call}, status: 403, code: "bad_signature", kept: true, noted: true},
		{name: "signature wrong", request: request{auth: "Bearer signed", body: call, header: map[string]string{"X-Signature": sign("other")}}, status: 403, code: "bad_signature", kept: true, noted: true},
		{name: "signature right", request: request{auth: "Bearer signed", body: call, header: map[string]string{"X-Signature": sign(call)}}, status: 200, logged: true},
		{name: "signature of the first element", request: request{auth: "Bearer signed", body: "[ " + call + ` , {"type":"track","userId":"2","event":"F"}]`, header: map[string]string{"X-Signature": strings.ToUpper(sign(call))}}, status: 200, logged: true},
		{name: "GET", request: request{method: "GET"}, status: 405, code: "method_not_allowed", noted: true},
		{name: "PUT", request: request{method: "PUT", body: call}, status: 405, code: "method_not_allowed", noted: true},
		{name: "unknown encoding", request: request{body: call, header: map[string]string{"Content-Encoding": "br"}}, status: 415, code: "unsupported_encoding", noted: true},
		{name: "too large", request: request{body: strings.Repeat(" ", 10_001)}, status: 413, code: "too_large", noted: true},
		{name: "too large when decompressed", request: request{body: gzipped(strings.Repeat(" ", 10_001)), header: map[string]string{"Content-Encoding": "gzip"}}, status: 413, code: "too_large", noted: true},
		{name: "just not too large", request: request{body: call + strings.Repeat(" ", 10_000-len(call))}, status: 200, logged: true},
		{name: "elsewhere", request: request{path: "/connector", body: call}, status: 404, code: "not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			reply, a := do(t, newDoor(t, m, nil), c.request)
			if reply.StatusCode != c.status || a.Error.Code != c.code || a.Success != (c.status == 200) || (c.code != "") != (a.Error.Message != "") {
				t.Errorf("status %d, %+v; want %d %s", reply.StatusCode, a, c.status, c.code)
			}
			id := reply.Header.Get("X-Request-Id")
			if _, err := uuid.Parse(id); err != nil {
				t.Errorf("X-Request-Id %q", id)
			}
			if len(m.rejected) == 1 != c.kept || len(m.entries) == 1 != c.logged || len(m.requests) == 1 != c.noted {
				t.Errorf("%d bodies kept, %d logged, %d requests noted", len(m.rejected), len(m.entries), len(m.requests))
			}
			if c.kept && (m.rejected[0].RequestID != id || string(m.rejected[0].Body) != c.request.body || m.rejected[0].Code != c.code) {
				t.Errorf("kept %+v under request %s", m.rejected[0], id)
			}
			if c.noted && (m.requests[0].RequestID != id || m.requests[0].Status != c.status || m.requests[0].Code != c.code) {
				t.Errorf("noted %+v under request %s", m.requests[0], id)
			}
			var codes []string
			for _, r := range a.Rejected {
				codes = append(codes, fmt.Sprintf("%d:%s", r.Index, r.Code))
			}
			if got := strings.Join(codes, " "); got != c.rejected {
				t.Errorf("rejected calls %q, want %q", got, c.rejected)
			}
		})
	}
}

func deepCall(deep string) string {
	return `{"type":"track","userId":"1","event":"E","properties":` + deep + `}`
}

func TestTheEntryIsTheRequest(t *testing.T) {
	t.Parallel()
	m := newMemory()
	body := " \t" + call + "\n"
	reply, _ := do(t, newDoor(t, m, nil), request{body: body})
	e := m.entries[0]
	if string(e.Body) != body || e.Source != "web" || e.Route != "/connector/segment" || e.RequestID != reply.Header.Get("X-Request-Id") || e.Kinds != segment.Track || e.Calls != 1 || e.ContentType != "application/json" {
		t.Errorf("the entry is %+v", e)
	}
}

// TestOurFaults: what is not the sender's fault makes it send again.
func TestOurFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		break_ func(*memory)
		auth   string
		body   string
		status int
		code   string
	}{
		{"the log is away", func(m *memory) { m.fail = app.ErrUnavailable }, "", call, 503, "unavailable"},
		{"an error nobody thought of", func(m *memory) { m.fail = errors.New("?") }, "", call, 503, "unavailable"},
		{"no room", func(m *memory) { m.fail = app.ErrOverloaded }, "", call, 429, "overloaded"},
		{"a panic", func(m *memory) { m.block = func(context.Context) error { panic("?") } }, "", call, 503, "unavailable"},
		{"keys cannot be read", func(m *memory) { m.failFind = app.ErrUnavailable }, "", call, 503, "unavailable"},
		{"a bad body cannot be kept", func(m *memory) { m.failKeep = errors.New("?") }, "", "nonsense", 503, "unavailable"},
		{"a body with a bad signature cannot be kept", func(m *memory) { m.failKeep = errors.New("?") }, "Bearer signed", call, 503, "unavailable"},
		{"it takes too long", func(m *memory) {
			m.block = func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("%w: %w", app.ErrUnavailable, ctx.Err())
			}
		}, "", call, 503, "unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			c.break_(m)
			reply, a := do(t, newDoor(t, m, func(c *Config) { c.Patience = 100 * time.Millisecond }), request{auth: c.auth, body: c.body})
			if reply.StatusCode != c.status || a.Error.Code != c.code || reply.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, %+v, Retry-After %q; want %d", reply.StatusCode, a, reply.Header.Get("Retry-After"), c.status)
			}
		})
	}
}

func TestBytesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	m := newMemory()
	waiting, goOn := make(chan struct{}), make(chan struct{})
	m.block = func(context.Context) error { waiting <- struct{}{}; <-goOn; return nil }
	server := newDoor(t, m, func(c *Config) { c.MaxInFlight = step })
	first := make(chan int, 1)
	go func() {
		reply, _ := do(t, server, request{body: call})
		first <- reply.StatusCode
	}()
	<-waiting
	reply, a := do(t, server, request{body: call})
	if reply.StatusCode != 429 || a.Error.Code != "overloaded" || reply.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the limit: status %d, %+v", reply.StatusCode, a)
	}
	close(goOn)
	if status := <-first; status != 200 {
		t.Errorf("the first: status %d", status)
	}
	go func() { <-waiting }()
	if reply, _ := do(t, server, request{body: call}); reply.StatusCode != 200 {
		t.Errorf("with room again: status %d", reply.StatusCode)
	}
}

// TestABodyThatEndsEarlyIsNothing: a connection that breaks leaves no entry.
func TestABodyThatEndsEarlyIsNothing(t *testing.T) {
	t.Parallel()
	m := newMemory()
	server := newDoor(t, m, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /connector/segment/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Length: 1000\r\n\r\n%s", call)
	conn.(*net.TCPConn).CloseWrite()
	reply, err := io.ReadAll(conn)
	conn.Close()
	if err != nil || !strings.HasPrefix(string(reply), "HTTP/1.1 408") {
		t.Errorf("reply %q, %v", reply, err)
	}
	if len(m.entries)+len(m.rejected) != 0 {
		t.Errorf("%d entries, %d kept", len(m.entries), len(m.rejected))
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("POST", "Bearer good", "gzip", gzipped(call))
	f.Add("POST", "Bearer signed", "", `[`+call+`]`)
	f.Add("GET", "", "br", "")
	m := newMemory()
	handler, err := New(Config{Ingest: &app.Ingest{Log: m, Rejected: m}, Keys: m, Requests: m, MaxBody: 10_000})
	if err != nil {
		f.Fatal(err)
	}
	statuses := map[int]bool{200: true, 400: true, 401: true, 403: true, 405: true, 413: true, 415: true, 429: true, 503: true}
	f.Fuzz(func(t *testing.T, method, auth, encoding, body string) {
		r := httptest.NewRequest("POST", "/connector/segment", strings.NewReader(body))
		r.Method = method
		r.Header.Set("Authorization", auth)
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if !statuses[w.Code] || w.Header().Get("X-Request-Id") == "" || !json.Valid(w.Body.Bytes()) {
			t.Errorf("status %d, %q", w.Code, w.Body)
		}
	})
}

type nothing struct{}

func (nothing) Append(context.Context, app.NewEntry) error { return nil }

func BenchmarkSingleCall(b *testing.B) {
	m := newMemory()
	handler, err := New(Config{Ingest: &app.Ingest{Log: nothing{}, Rejected: m}, Keys: m, Requests: m})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(call)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/connector/segment", bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer good")
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
}
