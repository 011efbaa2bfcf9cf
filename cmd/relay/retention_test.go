package main

import (
	"net"
	"strings"
	"testing"
)

// TestRetention: what was kept long enough is deleted while relay serves, and
// nothing else; accepted requests stay as long as the log.
func TestRetention(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	relay.must("migrate")
	for _, insert := range []string{
		`INSERT INTO relay_store.refused_requests SELECT gen_random_uuid(), now() - n * interval '1 hour', 'web', 413, 'too_large', 1, 0 FROM generate_series(1, 2000) n`,
		`INSERT INTO relay_store.rejected (request_id, received_at, source, route, code, message, body)
SELECT gen_random_uuid(), now() - n * interval '1 hour', 'web', '/v1/track', 'invalid_json', '', '' FROM generate_series(1, 2000) n`,
	} {
		if _, err := db.Exec(insert); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		return text(t, db, `SELECT (SELECT count(*) FROM relay.requests WHERE status = 413) || ' ' || (SELECT count(*) FROM relay.rejected)`)
	}
	server := relay.serve("--keep-requests", "0", "--keep-rejected", "10w")
	waitFor(t, "bodies of ten weeks to be left", func() bool { return left() == "2000 1679" })
	server.send(aCall)
	server.stop()
	relay.serve("--keep-rejected", "2d")
	waitFor(t, "requests of 30 days and bodies of two to be left", func() bool { return left() == "719 47" })
	if got := text(t, db, `SELECT count(*) FROM relay.requests WHERE status = 200`); got != "1" {
		t.Errorf("%s accepted requests, want 1", got)
	}
}

// TestServeRefusesNonsenseFirst: before it makes a key that it could not print.
func TestServeRefusesNonsenseFirst(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	relay.env = []string{"RELAY_API_KEY="}
	for _, args := range [][]string{{"--max-body", "x"}, {"--max-in-flight", "0"}, {"--keep-requests", "soon"}, {"--keep-rejected", "-1d"}} {
		if _, errOut, status := relay.run(append([]string{"serve"}, args...)...); status != 2 || !strings.Contains(errOut, args[0]) {
			t.Errorf("serve %v: status %d, %s", args, status, errOut)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, flag := range []string{"--listen", "--admin-listen"} {
		if _, errOut, status := relay.run("serve", flag, taken.Addr().String()); status != 1 || !strings.Contains(errOut, flag) {
			t.Errorf("serve %s where another listens: status %d, %s", flag, status, errOut)
		}
	}
	if got := relay.must("keys", "list", "--json"); strings.TrimSpace(got) != "[]" {
		t.Errorf("keys were made: %s", got)
	}
}
