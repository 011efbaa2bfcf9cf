package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// embedded returns a relay with a server of its own on a data folder.
func embedded(t *testing.T, dir string) *instance {
	t.Helper()
	relay := &instance{t: t, dataDir: dir}
	t.Cleanup(func() {
		if pid := relay.postmaster(); pid != 0 { // only where a test failed on its way
			_ = syscall.Kill(pid, syscall.SIGQUIT)
		}
	})
	return relay
}

// postmaster returns the server's process, 0 if there is none.
func (i *instance) postmaster() int {
	data, err := os.ReadFile(filepath.Join(i.dataDir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

func (i *instance) checkStopped() {
	i.t.Helper()
	if pid := i.postmaster(); pid != 0 {
		i.t.Errorf("the embedded server still runs as process %d", pid)
	}
}

func (i *instance) psql(query string) string {
	i.t.Helper()
	return strings.TrimSpace(i.must("psql", "--", "-tAc", query))
}

// TestEmbedded: commands share the server of relay serve, start one where none
// runs, and leave none behind; data stays.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	relay := embedded(t, filepath.Join(t.TempDir(), "data"))
	server := relay.serve()
	server.send(peter)
	waitFor(t, "the profile", func() bool { return relay.psql(`SELECT count(*) FROM relay.profiles`) == "1" })
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if out, errOut, status := relay.run("status", "--json"); status != 0 || !strings.Contains(out, `"head": 1`) {
				t.Errorf("status: %d %s%s", status, out, errOut)
			}
		})
	}
	wg.Wait()
	if status := server.stop(); status != 0 {
		t.Errorf("relay serve ended with status %d: %s", status, server.stderr)
	}
	relay.checkStopped()
	for range 3 { // several at once with no server running: one starts it, the last stops it
		wg.Go(func() {
			if out, errOut, status := relay.run("psql", "--", "-tAc", `SELECT count(*) FROM relay.profiles`); status != 0 || strings.TrimSpace(out) != "1" {
				t.Errorf("psql: %d %s%s", status, out, errOut)
			}
		})
	}
	wg.Wait()
	relay.checkStopped()
	for setting, want := range map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": ""} {
		if got := relay.psql("SHOW " + setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if out := relay.must("doctor"); !strings.Contains(out, "no problems found") {
		t.Errorf("doctor: %s", out)
	}
	relay.checkStopped()
}

// TestEmbeddedCrashes: after kill -9 of relay, and of the server, the next
// relay continues with everything that was acknowledged.
func TestEmbeddedCrashes(t *testing.T) {
	t.Parallel()
	relay := embedded(t, t.TempDir())
	server := relay.serve()
	server.send(peter)
	server.kill()
	server = relay.serve() // on the server that was left running
	server.send(registered)
	pid := relay.postmaster()
	if pid == 0 {
		t.Fatal("no embedded server runs")
	}
	server.kill()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the server to be gone", func() bool { return relay.postmaster() == 0 })
	server = relay.serve()
	server.send(moved)
	waitFor(t, "all payloads to be projected", func() bool {
		return relay.psql(`SELECT (SELECT count(*) FROM relay.payloads) || ' ' || (SELECT jsonb_array_length(channels->'email') FROM relay.profiles) || ' ' || (SELECT count(*) FROM relay.events)`) == "3 2 1"
	})
	relay.must("verify")
	server.stop()
	relay.checkStopped()
}

// TestEmbeddedServerDiesUnderServe: while the server is down, payloads are to be
// sent again; it is started again, and nothing that was acknowledged is missing.
func TestEmbeddedServerDiesUnderServe(t *testing.T) {
	t.Parallel()
	relay := embedded(t, t.TempDir())
	server := relay.serve()
	server.send(peter)
	if err := syscall.Kill(relay.postmaster(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a payload to be taken again", func() bool {
		status, answer := server.post(registered)
		if status != 200 && status != 503 {
			t.Fatalf("status %d, %s", status, answer)
		}
		return status == 200
	})
	waitFor(t, "both payloads to be projected", func() bool {
		return relay.psql(`SELECT (SELECT count(*) FROM relay.profiles) || ' ' || (SELECT count(*) FROM relay.events)`) == "1 1"
	})
	if status := server.stop(); status != 0 {
		t.Errorf("relay serve ended with status %d: %s", status, server.stderr)
	}
	relay.checkStopped()
}

// TestEmbeddedInAwkwardPlaces: a folder with spaces and a quote, one whose path
// is too long for a socket, and one below a folder that only its owner may enter.
func TestEmbeddedInAwkwardPlaces(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"spaces and a quote": "it's a data folder",
		"long":               strings.Repeat("long-folder-name/", 8) + "data",
		"percent":            "100%41",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := filepath.Join(t.TempDir(), "closed")
			if err := os.Mkdir(closed, 0o700); err != nil {
				t.Fatal(err)
			}
			relay := embedded(t, filepath.Join(closed, dir))
			if got := relay.psql(`SELECT count(*) FROM relay.profiles`); got != "0" {
				t.Errorf("%s profiles", got)
			}
			relay.checkStopped()
		})
	}
}

func TestPostgresBinariesThatAreNone(t *testing.T) {
	t.Parallel()
	relay := embedded(t, t.TempDir())
	relay.env = []string{"RELAY_POSTGRES_BIN=" + t.TempDir()}
	_, errOut, status := relay.run("status")
	if status != 1 || !strings.Contains(errOut, "RELAY_POSTGRES_BIN") {
		t.Errorf("status %d: %s", status, errOut)
	}
	if fmt.Sprint(relay.postmaster()) != "0" {
		t.Error("a server runs")
	}
}
