package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"
)

// whileTheDatabaseHangs stops the processes that serve the instance's database,
// and lets no others come, while it does something.
func (i *instance) whileTheDatabaseHangs(do func()) {
	i.t.Helper()
	server, name := i.openServer()
	allow := func(yes bool) {
		if _, err := server.Exec(fmt.Sprintf(`ALTER DATABASE %s WITH ALLOW_CONNECTIONS %v`, name, yes)); err != nil {
			i.t.Fatal(err)
		}
	}
	allow(false)
	defer allow(true)
	var pids []int64
	if err := server.QueryRow(`SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = $1`, name).Scan(pq.Array(&pids)); err != nil {
		i.t.Fatal(err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(int(pid), syscall.SIGSTOP); err != nil {
			i.t.Skipf("the server is not this user's, or elsewhere: %v", err)
		}
		defer func() { _ = syscall.Kill(int(pid), syscall.SIGCONT) }() // it may have ended
	}
	do()
}

// TestHangingDatabase: while the database is there and answers nothing, whatever
// needs it is answered with 503 in time, and relay serve can be stopped.
func TestHangingDatabase(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	key := strings.TrimSpace(relay.must("keys", "create", "web"))
	server := relay.serve()
	call := `{"type":"track","userId":"ann","event":"E"}`
	server.send(call)
	settled(t, relay.open())
	relay.whileTheDatabaseHangs(func() {
		began := time.Now()
		for _, r := range []inbound{
			{name: "a call", path: "/connector/segment", auth: "Bearer " + testKey, body: call},
			{name: "no JSON", path: "/connector/segment", auth: "Bearer " + testKey, body: "{"},
			{name: "a key that it may not know yet", path: "/v1/track", auth: "Bearer x" + key, body: call},
		} {
			if a := r.do(t, server.address); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: status %d, Retry-After %q", r.name, a.StatusCode, a.Header.Get("Retry-After"))
			}
		}
		if status, body := server.ask("GET", "/readyz", "", nil); status != 503 {
			t.Errorf("/readyz: %d %s", status, body)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("four answers took %s", took)
		}
		if status := server.stop(); status != 1 {
			t.Errorf("it ended with %d, want 1: a payload was under way", status)
		}
	})
	server = relay.serve()
	server.send(call)
	settled(t, relay.open())
}
