package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"relay/adapters/embeddedpg/pgtest"
)

// TestDumpAndRestore: pg_dump, and psql into a fresh database, gives a relay that
// continues where the other one stopped.
func TestDumpAndRestore(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"pg_dump", "psql"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on PATH; it comes with PostgreSQL's client package", tool)
		}
	}
	relay := newInstance(t)
	server := relay.serve()
	server.send(peter)
	server.send(registered)
	settled(t, relay.open())
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	server.stop()

	restored := &instance{t: t, url: pgtest.URL(t), dataDir: t.TempDir()}
	dump := filepath.Join(t.TempDir(), "dump.sql")
	if out, err := exec.Command("pg_dump", "-f", dump, relay.url).CombinedOutput(); strings.Contains(string(out), "server version mismatch") {
		t.Skipf("the pg_dump on PATH is older than the server: %s", out)
	} else if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	if out, err := exec.Command("psql", "-qv", "ON_ERROR_STOP=1", "-f", dump, restored.url).CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	server = restored.serve()
	server.send(moved)
	server.send(ordered)
	db := restored.open()
	settled(t, db)
	if got := text(t, db, `SELECT string_agg(event_name, ', ' ORDER BY log_offset) FROM relay.events`); got != "User Registered, segment : Ordered" {
		t.Errorf("events after the restore: %s", got)
	}
	if got := text(t, db, `SELECT channels->>'email' FROM relay.profiles`); got != `["peter@example.com", "peter@new.example.com"]` {
		t.Errorf("channels after the restore: %s", got)
	}
	restored.must("verify")
	restored.must("reproject", "--from", "beginning")
	restored.must("verify")
}

func (i *instance) writeFile(name, content string) string {
	i.t.Helper()
	path := filepath.Join(i.t.TempDir(), name)
	if err := writeText(path, content); err != nil {
		i.t.Fatal(err)
	}
	return path
}

// TestHeldTransactionsDelayNothing: an open write transaction, in relay's
// database or in another of the same server, delays no row.
func TestHeldTransactionsDelayNothing(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	other := (&instance{t: t, url: pgtest.URL(t)}).open()
	for _, d := range []interface{ Exec(string) error }{execer(t, db), execer(t, other)} {
		if err := d.Exec(`CREATE TABLE held_open AS SELECT 1 AS n`); err != nil {
			t.Fatal(err)
		}
	}
	server.send(peter)
	server.send(registered)
	settled(t, db)
	relay.must("reproject", "--from", "beginning")
	server.send(moved)
	settled(t, db)
	if got := text(t, db, `SELECT jsonb_array_length(channels->'email') FROM relay.profiles`); got != "2" {
		t.Errorf("%s email addresses, want 2", got)
	}
}

// TestBadInputStopsNothing sends what breaks others: each is answered clearly,
// and what comes after it is projected.
func TestBadInputStopsNothing(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	long := strings.Repeat("x", 300)
	for _, body := range []string{
		"", "[]", "{}", "null", "nonsense", `{"type":"track"`, "\xff", `"\ud800"`, strings.Repeat("[", 100_000),
		`{"type":"track","userId":"` + long + `","event":"E"}`, `{"type":"nope","userId":"1"}`,
	} {
		if status, text := server.post(body); status != 400 || !strings.Contains(text, `"message":"`) {
			t.Errorf("%.40q: status %d, %s", body, status, text)
		}
	}
	for _, body := range []string{
		`{"type":"identify","userId":"a\u0000\ud800b","traits":{"k\u0000":"v\udfff","n":1e999999,"m":-1E-20000,"o":1e400,"d":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}}`,
		`{"type":"track","userId":"1","messageId":"` + strings.Repeat("long", 5000) + `","event":"E\u0000","properties":{"a":{"a":1,"a":2},"":"","x":"\ud83d\ude00"}}`,
		`{"type":"track","userId":"1","messageId":"` + strings.Repeat("long", 5000) + `","event":"again"}`,
		`{"type":"identify","userId":"1","traits":"not an object"}`, `{"type":"identify","userId":"1","traits":[1]}`,
		`{"type":"track","userId":"1","event":7}`, `{"type":"track","userId":"1","event":"E","properties":"text","timestamp":"yesterday","sentAt":12}`,
		`{"type":"identify","userId":2,"timestamp":"9999-12-31T23:59:59Z","sentAt":"0001-01-01","originalTimestamp":"9999-12-31"}`,
		`{"type":"identify","userId":2,"sentAt":"9999-12-31","originalTimestamp":"0001-01-01"}`,
		`{"type":"identify","userId":"1","traits":{"email":"` + long + `","phone":12,"language":"EN"}}`,
		`{"batch":[` + registered + `,5],"sentAt":null}`, `[` + peter + `,{"type":"delete"},[]]`,
		`{"type":"alias","userId":"1","previousId":"2"}`, `{"type":"delete","userId":"9"}`, `{"type":"group","userId":"1","groupId":"g"}`,
	} {
		if status, text := server.post(body); status != 200 {
			t.Errorf("%.60q: status %d, %s", body, status, text)
		}
	}
	server.send(moved)
	settled(t, db)
	waitFor(t, "refused requests to be on record", func() bool { return text(t, db, `SELECT count(*) FROM relay.requests WHERE status = 400`) == "11" })
	for query, want := range map[string]string{
		`SELECT properties->>'email' FROM relay.profiles WHERE distinct_id = '97980cfea0067'`:                                                            "peter@new.example.com",
		`SELECT properties->>'n' FROM relay.profiles WHERE distinct_id = E'a\uFFFD\uFFFDb'`:                                                              "1e999999",
		`SELECT properties->>E'k\uFFFD' FROM relay.profiles WHERE distinct_id = E'a\uFFFD\uFFFDb'`:                                                       "v\uFFFD",
		`SELECT event_name FROM relay.events WHERE length(message_id) = 20000`:                                                                           "E\uFFFD",
		`SELECT properties->'a'->>'a' FROM relay.events WHERE length(message_id) = 20000`:                                                                "2",
		`SELECT count(*) FROM relay.rejected`:                                                                                                            "11",
		`SELECT count(*) FROM relay.requests WHERE status = 200 AND log_offset IS NOT NULL`:                                                              "16",
		`SELECT string_agg(DISTINCT code, ' ' ORDER BY code) FROM relay.issues`:                                                                          "bad_email bad_sms bad_time no_event_name no_id not_an_object properties_not_an_object traits_not_an_object",
		`SELECT extract(year FROM last_identified_at) > 2000 AND extract(year FROM first_identified_at) = 1 FROM relay.profiles WHERE distinct_id = '2'`: "true",
		`SELECT count(*) FROM relay.payloads WHERE body IS NULL`:                                                                                         "0",
	} {
		if got := text(t, db, query); got != want {
			t.Errorf("%s\n got %q\nwant %q", query, got, want)
		}
	}
	relay.must("verify")
	relay.must("reproject", "--from", "beginning")
	relay.must("verify")
	if status := server.stop(); status != 0 {
		t.Errorf("relay serve ended with status %d: %s", status, server.stderr)
	}
}
