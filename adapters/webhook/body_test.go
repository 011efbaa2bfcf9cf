package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

func TestTheEntryIsTheRequest(t *testing.T) {
	t.Parallel()
	m := newMemory()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	body := " \t" + call + "\n"
	reply, _ := do(t, newServer(t, m, func(c *Config) { c.Now = func() time.Time { return now } }), request{body: body})
	got := m.entries[0]
	want := ingest.Inbound{
		RequestID: reply.Header.Get("X-Request-Id"), Source: "web", Route: "/connector/segment",
		ContentType: "application/json", ReceivedAt: now, Body: got.Inbound.Body,
	}
	if fmt.Sprint(got.Inbound) != fmt.Sprint(want) || string(got.Inbound.Body) != body || got.Kinds != segment.Track || got.Calls != 1 {
		t.Errorf("the entry is %+v", got)
	}
}

// TestExactBytesArrive: whatever the length, the way it is sent and what came
// before it in the same workspace.
func TestExactBytesArrive(t *testing.T) {
	t.Parallel()
	m := newMemory()
	handler := newHandler(t, m, func(c *Config) { c.MaxBody = 300_000 })
	rapid.Check(t, func(t *rapid.T) {
		body := `{"type":"track","userId":"1","event":"` + strings.Repeat(rapid.StringMatching(`[a-zé]`).Draw(t, "letter"), rapid.IntRange(1, 140_000).Draw(t, "length")) + `"}`
		sent, r := body, (*http.Request)(nil)
		gzipping := rapid.Bool().Draw(t, "gzip")
		if gzipping {
			sent = gzipped(body)
		}
		r = httptest.NewRequest("POST", "/connector/segment", strings.NewReader(sent))
		if gzipping {
			r.Header.Set("Content-Encoding", "gzip")
		}
		if rapid.Bool().Draw(t, "chunked") {
			r.ContentLength = -1
		}
		r.Header.Set("Authorization", "Bearer good")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != 200 || len(m.entries) != 1 || string(m.entries[0].Inbound.Body) != body {
			t.Fatalf("status %d %s; %d entries", w.Code, w.Body, len(m.entries))
		}
		m.entries = nil
	})
}

// TestMemoryInUseIsLeftAlone: an append that was given up may still read the
// body, so no later request may write there.
func TestMemoryInUseIsLeftAlone(t *testing.T) {
	t.Parallel()
	m := newMemory()
	var given [][]byte
	m.block = func(_ context.Context, e ingest.NewEntry) error {
		given = append(given, e.Inbound.Body)
		return app.ErrUnavailable
	}
	handler := newHandler(t, m, nil)
	event := func(i int) string { return fmt.Sprintf(`{"type":"track","userId":"%04d","event":"E"}`, i) }
	for i := range 50 {
		r := request{body: event(i)}
		if i%2 == 0 {
			r = request{body: gzipped(event(i)), header: gzipHeader}
		}
		handler.ServeHTTP(httptest.NewRecorder(), r.make(t, "http://relay"))
	}
	for i, body := range given {
		if string(body) != event(i) {
			t.Errorf("body %d became %s", i, body)
		}
	}
}

// TestABodyThatEndsEarlyIsNothing: a connection that breaks leaves no entry and
// no word in the log of relay itself.
func TestABodyThatEndsEarlyIsNothing(t *testing.T) {
	t.Parallel()
	const head = "POST /connector/segment/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n"
	for name, text := range map[string]string{
		"by its length":          head + "Content-Length: 1000\r\n\r\n" + call,
		"by one byte":            head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(call)+1, call),
		"with nothing of it":     head + "Content-Length: 1000\r\n\r\n",
		"in a chunk":             head + "Transfer-Encoding: chunked\r\n\r\n100\r\n" + call,
		"between chunks":         head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(call), call),
		"with a chunk of no hex": head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + call,
	} {
		for _, leaves := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, sender leaves: %v", name, leaves), func(t *testing.T) {
				t.Parallel()
				m := newMemory()
				var logged bytes.Buffer
				server := newServer(t, m, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
				server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&logged, nil), slog.LevelError)
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprint(conn, text)
				if leaves {
					conn.Close()
				} else {
					conn.(*net.TCPConn).CloseWrite()
					if reply, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(reply, []byte("HTTP/1.1 408")) {
						t.Errorf("reply %q, %v", reply, err)
					}
				}
				m.await(func() bool { return len(m.answered) == 1 })
				server.Close()
				if m.answered[0] != 408 || len(m.entries)+len(m.rejected) != 0 || m.inFlight != 0 || logged.Len() != 0 {
					t.Errorf("status %d, %d entries, %d kept, %d in flight, logged %q", m.answered[0], len(m.entries), len(m.rejected), m.inFlight, &logged)
				}
				if len(m.requests) != 1 || m.requests[0].Status != 408 || m.requests[0].Code != "truncated" {
					t.Errorf("noted %+v", m.requests)
				}
			})
		}
	}
}

// TestASenderThatClosedItsDirection has sent all it had and waits for the
// answer. To the server it looks as if it had gone.
func TestASenderThatClosedItsDirection(t *testing.T) {
	t.Parallel()
	m := newMemory()
	gone := make(chan struct{})
	m.block = func(ctx context.Context, _ ingest.NewEntry) error { <-gone; return ctx.Err() }
	handler := newHandler(t, m, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		context.AfterFunc(r.Context(), func() { close(gone) })
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /connector/segment HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Length: %d\r\n\r\n%s", len(call), call)
	conn.(*net.TCPConn).CloseWrite()
	if reply, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(reply, []byte("HTTP/1.1 200")) || len(m.entries) != 1 {
		t.Errorf("reply %q, %v, %d entries", reply, err, len(m.entries))
	}
}
