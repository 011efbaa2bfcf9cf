package webhook

import (
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"relay/app"
	"relay/app/ingest"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	m := newMemory()
	good := Config{Ingest: &ingest.Ingest{Log: m, Rejected: m}, Keys: m, Requests: m}
	for name, change := range map[string]func(*Config){
		"Ingest":       func(c *Config) { c.Ingest = nil },
		"Keys":         func(c *Config) { c.Keys = nil },
		"Requests":     func(c *Config) { c.Requests = nil },
		"MaxBody":      func(c *Config) { c.MaxBody = -1 },
		"MaxInFlight":  func(c *Config) { c.MaxInFlight = -1 },
		"WriteTimeout": func(c *Config) { c.WriteTimeout = -1 },
	} {
		config := good
		change(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	c := good.WithDefaults()
	if c.MaxBody != 32<<20 || c.MaxInFlight != 256<<20 || c.WriteTimeout != 4*time.Second {
		t.Errorf("defaults %+v", c)
	}
}

// slowBody comes after a while.
type slowBody struct {
	after time.Duration
	text  io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	<-time.After(b.after)
	b.after = 0
	return b.text.Read(p)
}

// TestPatience: the sender's slowness is its own; relay's own work on all steps
// together ends in time.
func TestPatience(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		body, find, log  time.Duration
		answered, status int // seconds after the head
	}{
		{"at once", 0, 0, 0, 0, 200},
		{"a slow log", 0, 0, 3, 3, 200},
		{"a slower log", 0, 0, 60, 4, 503},
		{"a slow body", 20, 0, 3, 23, 200},
		{"a slow body and a slower log", 20, 0, 60, 24, 503},
		{"slow keys", 0, 3, 0, 3, 200},
		{"slower keys", 0, 60, 0, 4, 503},
		{"slow keys and a slow log", 0, 3, 3, 4, 503},
		{"everything is slow", 20, 3, 3, 24, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				takes := func(ctx context.Context, d time.Duration) error {
					select {
					case <-time.After(d * time.Second):
						return nil
					case <-ctx.Done():
						return app.ErrUnavailable
					}
				}
				m.find = func(ctx context.Context) error { return takes(ctx, c.find) }
				m.block = func(ctx context.Context, _ ingest.NewEntry) error { return takes(ctx, c.log) }
				r := httptest.NewRequest("POST", "/connector/segment", &slowBody{c.body * time.Second, strings.NewReader(call)})
				r.Header.Set("Authorization", "Bearer good")
				w, started := httptest.NewRecorder(), time.Now()
				newHandler(t, m, nil).ServeHTTP(w, r)
				if took := time.Since(started); w.Code != c.status || took != time.Duration(c.answered)*time.Second {
					t.Errorf("status %d after %s, want %d after %d s", w.Code, took, c.status, c.answered)
				}
			})
		})
	}
}

// interrupted lets something else happen between the decision and the answer.
type interrupted struct {
	*httptest.ResponseRecorder
	by func()
}

func (i interrupted) WriteHeader(status int) {
	i.by()
	i.ResponseRecorder.WriteHeader(status)
}

// TestAnswersDoNotMix: a request's list of unusable calls stays its own until
// it is sent, whatever other requests the same parser could read.
func TestAnswersDoNotMix(t *testing.T) {
	t.Parallel()
	handler := newHandler(t, newMemory(), nil)
	post := func(w interrupted, body string) answer {
		handler.ServeHTTP(w, request{body: body}.make(t, "http://relay"))
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	for range 100 {
		first := post(interrupted{httptest.NewRecorder(), func() {
			post(interrupted{httptest.NewRecorder(), func() {}}, `[7,7,`+call+`]`)
		}}, `[`+call+`,{"type":"track"}]`)
		if len(first.Rejected) != 1 || first.Rejected[0].Index != 1 || first.Rejected[0].Code != "no_id" {
			t.Fatalf("the answer lists %+v", first.Rejected)
		}
	}
}

// TestAPanicWhileAnsweringIsNoSuccess: net/http sends 200 for a handler that
// returns without a word.
func TestAPanicWhileAnsweringIsNoSuccess(t *testing.T) {
	t.Parallel()
	m := newMemory()
	handler := newHandler(t, m, func(c *Config) { c.Requests = faulty{} })
	defer func() {
		if recover() == nil || m.inFlight != 0 {
			t.Errorf("returned as if nothing had happened; %d bytes in flight", m.inFlight)
		}
	}()
	handler.ServeHTTP(httptest.NewRecorder(), request{body: "nonsense"}.make(t, "http://relay"))
}

type faulty struct{}

func (faulty) Note(ingest.RequestRecord) { panic("?") }
