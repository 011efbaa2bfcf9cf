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
		if status := server.stop(); status != 0 {
			t.Errorf("it ended with %d, want 0: all senders were answered", status)
		}
	})
	relay.url = direct
	server = relay.serve()
	server.send(call)
	settled(t, relay.open())
}

// TestStopWhereCancelsAreLost: a stop ends a check that waits for a lock, even where
// the database never hears that its statement is cancelled.
func TestStopWhereCancelsAreLost(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	direct := relay.url
	var database *pgtest.Staller
	relay.url, database = pgtest.Stallable(t, direct)
	server := relay.serve()
	server.send(`{"type":"identify","userId":"ann","traits":{"plan":"pro"}}`)
	relay.url = direct
	db := relay.open()
	settled(t, db)
	database.LoseCancels()
	tx := heldUp(t, server, db, "verify-all")
	began := time.Now()
	if status := server.stop(); status != 0 {
		t.Errorf("it ended with %d: %s", status, server.stderr)
	}
	if took := time.Since(began); took > shutdownPatience/2 {
		t.Errorf("it stopped after %s", took)
	}
	if database.Lost() == 0 {
		t.Error("no request to cancel was lost")
	}
	_ = tx.Rollback()
	checkNothingLeftOver(t, relay)
}
