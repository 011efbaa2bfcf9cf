package main

import (
	"strings"
	"testing"
	"time"

	"relay/adapters/embeddedpg/pgtest"
)

// TestHangingDatabase: while the database is there and answers nothing, whatever
// needs it is answered with 503 in time, and relay serve can be stopped.
func TestHangingDatabase(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	direct := relay.url
	var database *pgtest.Staller
	relay.url, database = pgtest.Stallable(t, direct)
	key := strings.TrimSpace(relay.must("keys", "create", "web"))
	server := relay.serve()
	call := `{"type":"track","userId":"ann","event":"E"}`
	server.send(call)
	settled(t, relay.open())
	database.While(func() {
		for _, r := range []inbound{
			{name: "a call", path: "/connector/segment", auth: "Bearer " + testKey, body: call},
			{name: "no JSON", path: "/connector/segment", auth: "Bearer " + testKey, body: "{"},
			{name: "a key that it may not know yet", path: "/v1/track", auth: "Bearer x" + key, body: call},
		} {
			began := time.Now()
			if a := r.do(t, server.address); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: status %d, Retry-After %q", r.name, a.StatusCode, a.Header.Get("Retry-After"))
			}
			if took := time.Since(began); took > 20*time.Second { // 4 s, on a machine that has nothing else to do
				t.Errorf("%s: answered after %s", r.name, took)
			}
		}
		if status, body := server.ask("GET", "/readyz", "", nil); status != 503 {
			t.Errorf("/readyz: %d %s", status, body)
		}
		if status := server.stop(); status != 1 {
			t.Errorf("it ended with %d, want 1: a payload was under way", status)
		}
	})
	relay.url = direct
	server = relay.serve()
	server.send(call)
	settled(t, relay.open())
}
