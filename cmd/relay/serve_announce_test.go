package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeIsMissed: a server that was killed is told of, one that was stopped
// is not, and neither takes another's address away.
func TestServeIsMissed(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	first := relay.serve()
	if out := relay.must("status"); !strings.Contains(out, "listens on "+strings.TrimPrefix(first.address, "http://")) {
		t.Errorf("status while it serves:\n%s", out)
	}
	second := relay.serve() // on the same data folder
	if status := first.stop(); status != 0 {
		t.Errorf("the first ended with %d", status)
	}
	if out := relay.must("status"); !strings.Contains(out, "listens on "+strings.TrimPrefix(second.address, "http://")) {
		t.Errorf("status when the first was stopped:\n%s", out)
	}
	second.kill()
	if out := relay.must("status"); !strings.Contains(out, "not running") {
		t.Errorf("status when it was killed:\n%s", out)
	}
	if out, _, _ := relay.run("doctor"); !strings.Contains(out, "ended without being stopped") {
		t.Errorf("doctor when it was killed:\n%s", out)
	}
	if third := relay.serve(); third.stop() != 0 {
		t.Error("the third did not end in order")
	}
	if out, _, _ := relay.run("doctor"); strings.Contains(out, "ended without being stopped") {
		t.Errorf("doctor when it was stopped:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(relay.dataDir, "relay.json")); !os.IsNotExist(err) {
		t.Errorf("relay.json when it was stopped: %v", err)
	}
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/var/lib/relay-1": "/var/lib/relay-1", "my data": "'my data'", "it's": `'it'\''s'`, "$HOME": "'$HOME'",
	} {
		if got := shellWord(text); got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	}
}

// TestSuperfluousArguments: a word that a command does not take is wrong use,
// never passed over.
func TestSuperfluousArguments(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	for _, command := range []string{"status", "doctor", "url", "migrate", "serve", "issues", "mapping history", "keys list", "log tail", "readers list", "reproject"} {
		_, errOut, status := relay.run(append(strings.Fields(command), "superfluous")...)
		if status != 2 || !strings.Contains(errOut, "relay "+command+" takes no arguments") {
			t.Errorf("relay %s superfluous: status %d, %s", command, status, errOut)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"profiles show nobody", `person "nobody": not found`},
		{"rejected show 9", "rejected body 9: not found"},
		{"log show 9", "log offset 9: not found: it was erased, or no payload ever had this place"},
	} {
		if _, errOut, status := relay.run(strings.Fields(c.args)...); status != 1 || strings.TrimSpace(errOut) != "relay: "+c.want {
			t.Errorf("relay %s: status %d, %s, want %s", c.args, status, errOut, c.want)
		}
	}
}

// TestReadOnlyDatabase: one that takes no writes can be looked at, and doctor and
// /readyz tell why nothing is accepted.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	relay.serve().stop()
	name := text(t, db, `SELECT current_database()`)
	if _, err := db.Exec(`ALTER DATABASE ` + name + ` SET default_transaction_read_only = on`); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"status", "keys list", "issues", "psql -- -c \\q"} {
		relay.must(strings.Fields(command)...)
	}
	if out, _, status := relay.run("doctor"); status != 1 || !strings.Contains(out, "takes no writes") {
		t.Errorf("doctor: status %d\n%s", status, out)
	}
	server := relay.serve()
	if status, body := server.ask("GET", "/readyz", "", nil); status != 503 || !strings.Contains(body, "takes no writes") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := server.post(`{"type":"identify","userId":"ann"}`); status != 503 {
		t.Errorf("a payload is answered with %d", status)
	}
}
