package webhook

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory stands for everything that the handler works with.
type memory struct {
	mu       sync.Mutex
	entries  []ingest.NewEntry
	rejected []ingest.RejectedBody
	requests []ingest.RequestRecord
	answered []int   // statuses, as the observer was told
	signed   []int64 // ids of the signing secrets that were used
	inFlight int64
	changed  *sync.Cond

	fail     error                                              // of Append
	failKeep error                                              // of Keep
	stuck    bool                                               // whether Keep waits until its context ends
	find     func(ctx context.Context) error                    // in Find, if set
	block    func(ctx context.Context, e ingest.NewEntry) error // in Append, if set
	keys     map[string]ingest.Key
	// meanwhile is what happens to the keys before they are asked for again.
	meanwhile func()
}

const signingSecret = "shared"

func newMemory() *memory {
	m := &memory{keys: map[string]ingest.Key{
		"good":   {Name: "web"},
		"signed": {Name: "signed", SigningSecrets: []ingest.SigningSecret{{ID: 1, Secret: []byte("older")}, {ID: 2, Secret: []byte(signingSecret)}}},
	}}
	m.changed = sync.NewCond(&m.mu)
	return m
}

func (m *memory) Append(ctx context.Context, e ingest.NewEntry) error {
	if m.block != nil {
		if err := m.block(ctx, e); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		e.Inbound.Body = bytes.Clone(e.Inbound.Body)
		m.entries = append(m.entries, e)
	}
	return m.fail
}

func (m *memory) Keep(ctx context.Context, b ingest.RejectedBody) error {
	if m.stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("keeping a body may take for ever")
	}
	if m.failKeep == nil {
		m.rejected = append(m.rejected, b)
	}
	return m.failKeep
}

func (m *memory) Note(r ingest.RequestRecord) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r)
}

func (m *memory) Known(secret string) (ingest.Key, bool) {
	if m.find != nil {
		return ingest.Key{}, false
	}
	key, ok := m.keys[secret]
	return key, ok
}

func (m *memory) Find(ctx context.Context, secret string) (ingest.Key, error) {
	if m.meanwhile != nil {
		m.meanwhile()
	}
	if m.find != nil {
		if err := m.find(ctx); err != nil {
			return ingest.Key{}, err
		}
	}
	key, ok := m.keys[secret]
	if !ok {
		return key, app.ErrUnknownKey
	}
	return key, nil
}

func (m *memory) Signed(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signed = append(m.signed, id)
}

func (m *memory) Request(_ string, status, _, _ int, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered = append(m.answered, status)
	m.changed.Broadcast()
}

func (m *memory) InFlight(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight = n
	m.changed.Broadcast()
}

// await waits until the condition holds; it is asked after each change.
func (m *memory) await(condition func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !condition() {
		m.changed.Wait()
	}
}

func newHandler(t testing.TB, m *memory, change func(*Config)) http.Handler {
	t.Helper()
	config := Config{Ingest: &ingest.Ingest{Log: m, Rejected: m}, Keys: m, Requests: m, MaxBody: 10_000, Metrics: m}
	if change != nil {
		change(&config)
	}
	handler, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func newServer(t testing.TB, m *memory, change func(*Config)) *httptest.Server {
	t.Helper()
	handler := newHandler(t, m, change)
	server := httptest.NewUnstartedServer(handler)
	server.Config = NewServer(handler)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

type answer struct {
	Success       bool                `json:"success"`
	Rejected      []segment.Rejection `json:"rejected"`
	RejectedCount int                 `json:"rejected_count"`
	Error         struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// request is a test's request; zero fields are what Segment sends.
type request struct {
	method, path, auth, body string
	header                   map[string]string
}

func (r request) make(t testing.TB, base string) *http.Request {
	t.Helper()
	orElse := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	made, err := http.NewRequest(orElse(r.method, "POST"), base+orElse(r.path, "/connector/segment/"), strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if auth := orElse(r.auth, "Bearer good"); auth != "none" {
		made.Header.Set("Authorization", auth)
	}
	made.Header.Set("Content-Type", "application/json")
	for k, v := range r.header {
		made.Header.Set(k, v)
	}
	return made
}

// do sends the request and returns the reply, whose body is read and closed.
func do(t testing.TB, server *httptest.Server, r request) (*http.Response, answer) {
	t.Helper()
	client := &http.Client{Transport: server.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("redirected")
	}}
	reply, err := client.Do(r.make(t, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if len(text) > 0 {
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

var gzipHeader = map[string]string{"Content-Encoding": "gzip"}
