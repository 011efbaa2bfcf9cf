package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// target notes the message ids that it is sent.
type target struct {
	*httptest.Server
	mu       sync.Mutex
	ids      map[string]int
	requests int
}

// newTarget notes each request and answers it as answer does.
func newTarget(t *testing.T, answer http.HandlerFunc) *target {
	t.Helper()
	s := &target{ids: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer "+apiKey || r.URL.Path != "/connector/segment/" {
			t.Errorf("%s of %v, %v", r.URL.Path, r.Header, err)
		}
		s.note(t, body)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *target) note(t *testing.T, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []struct{ MessageID string }
	if err := json.Unmarshal([]byte("["+strings.Trim(string(body), "[]")+"]"), &calls); err != nil {
		t.Errorf("%s: %v", body, err)
	}
	for _, c := range calls {
		s.ids[c.MessageID]++
	}
	s.requests++
}

func (s *target) address() string { return s.Listener.Addr().String() }

func ok(http.ResponseWriter, *http.Request) {}

func tooMany(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = io.WriteString(w, "later")
}

func unexpected(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }

// TestDrive: every request is a call or batch of its own, and its answer is
// counted as what it is.
func TestDrive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		calls          int
		answer         http.HandlerFunc
		perSecond      float64
		refused, wrong bool
	}{
		{"closed loop", 1, ok, 0, false, false},
		{"batches", 5, ok, 0, false, false},
		{"open loop", 1, ok, 500, false, false},
		{"refused", 1, tooMany, 500, true, false},
		{"refused without Retry-After", 1, unexpected, 500, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newTarget(t, c.answer)
			d := drive{address: s.address(), requests: newRequests(7, c.calls, 100), connections: 3, perSecond: c.perSecond, lasting: 500 * time.Millisecond}
			out, err := d.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n := int(out.accepted.TotalCount()) + out.refused + out.wrong; n != s.requests || n == 0 || (out.refused > 0) != c.refused || (out.wrong > 0) != c.wrong {
				t.Errorf("%d requests came; %+v", s.requests, out)
			}
			if (out.check() == nil) != (!c.refused && !c.wrong) {
				t.Errorf("check: %v", out.check())
			}
			if len(s.ids) != s.requests*c.calls {
				t.Errorf("%d message ids in %d requests of %d calls", len(s.ids), s.requests, c.calls)
			}
		})
	}
}

// TestParseReply: an answer is whole when all of it is there, and not before.
func TestParseReply(t *testing.T) {
	t.Parallel()
	const text = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 5\r\nRetry-After: 1\r\n\r\nlater"
	for n := range text {
		if _, whole, err := parseReply([]byte(text[:n])); whole || err != nil {
			t.Fatalf("after %q: %v, %v", text[:n], whole, err)
		}
	}
	if r, whole, err := parseReply([]byte(text)); r != (reply{429, true}) || !whole || err != nil {
		t.Errorf("%+v, %v, %v", r, whole, err)
	}
	for _, bad := range []string{"HTTP/1.1 200 OK\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"} {
		if _, _, err := parseReply([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
