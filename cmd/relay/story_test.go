package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	peter      = `{"type":"identify","messageId":"i1","userId":"97980cfea0067","traits":{"name":"Peter Gibbons","email":"peter@example.com","phone":"+15551234567","slack_email":"peter@work.example.com","language":"hi","plan":"premium","logins":5}}`
	registered = `{"type":"track","messageId":"t1","userId":"97980cfea0067","event":"User Registered","properties":{"plan":"Pro Annual","accountType":"Facebook"}}`
	moved      = `{"type":"identify","messageId":"i2","userId":"97980cfea0067","traits":{"email":"peter@new.example.com"}}`
	ordered    = `{"type":"track","messageId":"t2","userId":"97980cfea0067","event":"Ordered"}`
)

const storyMapping = `event_prefix: "segment : "
preferences:
  language: language
channels:
  email: email
  sms: phone
  slack_email: slack_email
`

// TestStory is the connector document's walk-through, and what relay adds: the
// mapping is applied to the past.
func TestStory(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	check := func(when, query, want string) {
		t.Helper()
		if got := text(t, db, query); got != want {
			t.Errorf("%s: %s\n got %s\nwant %s", when, query, got, want)
		}
	}
	const (
		channels = `SELECT channels FROM relay.profiles WHERE distinct_id = '97980cfea0067'`
		language = `SELECT coalesce(preferred_language, 'none') FROM relay.profiles WHERE distinct_id = '97980cfea0067'`
		names    = `SELECT string_agg(event_name || ' v' || mapping_version, ', ' ORDER BY log_offset) FROM relay.events`
	)

	server.send(peter)
	server.send(registered)
	settled(t, db)
	const defaultChannels = `{"sms": ["+15551234567"], "email": ["peter@example.com"]}`
	check("under the default mapping", channels, defaultChannels)
	check("under the default mapping", language, "none")
	check("under the default mapping", names, "User Registered v1")

	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, []byte(storyMapping), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := relay.must("mapping", "apply", "--note", "Slack and languages", file); !strings.Contains(out, "version 2 is active from log offset 3") {
		t.Errorf("mapping apply printed %q", out)
	}
	server.send(ordered)
	settled(t, db)
	check("after apply, the past is unchanged", channels, defaultChannels)
	check("after apply, the past is unchanged", language, "none")
	check("after apply, new calls are mapped", names, "User Registered v1, segment : Ordered v2")
	check("after apply", `SELECT string_agg(from_offset || '-' || coalesce(to_offset::text, '') || ':' || version, ' ' ORDER BY from_offset) FROM relay.mapping_timeline`, "1-3:1 3-:2")

	relay.must("reproject", "--from", "beginning")
	check("after the re-projection", channels, `{"sms": ["+15551234567"], "email": ["peter@example.com"], "slack_email": ["peter@work.example.com"]}`)
	check("after the re-projection", language, "hi")
	check("after the re-projection", names, "segment : User Registered v2, segment : Ordered v2")

	server.send(moved)
	settled(t, db)
	check("a changed email is appended", channels, `{"sms": ["+15551234567"], "email": ["peter@example.com", "peter@new.example.com"], "slack_email": ["peter@work.example.com"]}`)
	check("the last value of a trait stays", `SELECT properties->>'email' FROM relay.profiles`, "peter@new.example.com")
	check("payloads are as they came", `SELECT convert_from(payload, 'UTF8') FROM relay.payloads ORDER BY log_offset LIMIT 1`, peter)
	check("rows say where they came from", `SELECT source || ' ' || route FROM relay.payloads LIMIT 1`, "env /connector/segment")
	check("the run is on record", `SELECT status || ' ' || mapping_version || ' ' || array_to_string(projections, ',') FROM relay.reprojections`, "done 2 profiles,events")
	check("one generation of each is left", `SELECT count(*) FROM relay_store.generations WHERE status <> 'former'`, "2")

	if out := relay.must("verify"); strings.Count(out, "the same as a replay") != 2 {
		t.Errorf("verify printed %q", out)
	}
	relay.must("mapping", "rollback", "1")
	server.send(`{"type":"track","messageId":"t3","userId":"97980cfea0067","event":"Left"}`)
	settled(t, db)
	check("after a rollback", `SELECT event_name FROM relay.events ORDER BY log_offset DESC LIMIT 1`, "Left")
	relay.must("verify")
	if status := server.stop(); status != 0 {
		t.Errorf("relay serve ended with status %d: %s", status, server.stderr)
	}
}

// TestStoryOfAVisitor: somebody looks round, leaves an address, signs up and
// changes their id; with identity: join all of it is one person's.
func TestStoryOfAVisitor(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	check := func(when, query, want string) {
		t.Helper()
		settled(t, db)
		if got := text(t, db, query); got != want {
			t.Errorf("%s: %s\n got %s\nwant %s", when, query, got, want)
		}
	}
	const (
		people = `SELECT coalesce(string_agg(distinct_id || ' ' || properties || ' ' || channels, ', ' ORDER BY distinct_id), '') FROM relay.profiles`
		events = `SELECT string_agg(event_name || ' ' || coalesce(distinct_id, '-'), ', ' ORDER BY log_offset) FROM relay.events`
		ids    = `SELECT coalesce(string_agg(kind || ' ' || id || ' ' || distinct_id, ', ' ORDER BY kind, id), '') FROM relay.identities`
	)
	server.send(`{"type":"track","anonymousId":"device","event":"Looked"}`)
	server.send(`{"type":"identify","anonymousId":"device","traits":{"email":"v@example.com"}}`)
	check("before anything is joined", people, "")
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "identity: join\n"))
	check("before anybody signs up", events, "Looked -")
	server.send(`{"type":"identify","userId":"visitor@example.com","anonymousId":"device","traits":{"plan":"pro"}}`)
	check("signed up", people, `visitor@example.com {"plan": "pro", "email": "v@example.com"} {"email": ["v@example.com"]}`)
	check("signed up", events, "Looked visitor@example.com")
	server.send(`{"type":"alias","previousId":"visitor@example.com","userId":"1"}`)
	server.send(`{"type":"track","userId":"1","event":"Ordered"}`)
	check("with a new id", people, `1 {"plan": "pro", "email": "v@example.com"} {"email": ["v@example.com"]}`)
	check("with a new id", events, "Looked 1, Ordered 1")
	check("with a new id", ids, "anonymous device 1, anonymous visitor@example.com 1, user visitor@example.com 1")
	for _, id := range []string{"1", "visitor@example.com", "device"} {
		if out := relay.must("profiles", "show", id); !strings.Contains(out, "v@example.com") || !strings.Contains(out, "Looked") {
			t.Errorf("profiles show %s printed %q", id, out)
		}
	}

	const apart = `1 {"plan": "basic"} {}, visitor@example.com {"plan": "pro"} {}`
	server.send(`{"type":"identify","userId":"1","traits":{"plan":"basic"}}`)
	for range 2 {
		check("joined", people, `1 {"plan": "basic", "email": "v@example.com"} {"email": ["v@example.com"]}`)
		check("joined", events, "Looked 1, Ordered 1")
		relay.must("verify")
		relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "identity: off\n"))
		if out := relay.must("reproject", "--from", "beginning", "--dry-run"); !strings.Contains(out, "people added") || !strings.Contains(out, "events of another person") {
			t.Errorf("the dry run printed %q", out)
		}
		relay.must("reproject", "--from", "beginning")
		check("not joined any more", people, apart)
		check("not joined any more", events, "Looked -, Ordered 1")
		check("not joined any more", ids, "")
		relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "identity: join\n"))
		relay.must("reproject", "--from", "beginning")
	}
	relay.must("reproject", "--undo")
	check("undone", people, apart)
	relay.must("reproject", "--undo")
	check("undone twice", ids, "anonymous device 1, anonymous visitor@example.com 1, user visitor@example.com 1")
	relay.must("verify")
}

func TestVerifyTellsDifferences(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	server.send(peter)
	server.send(registered)
	db := relay.open()
	settled(t, db)
	table := text(t, db, `SELECT 'relay_store.channels_g' || id FROM relay_store.generations WHERE projection = 'profiles' AND status = 'serving'`)
	if _, err := db.Exec(`UPDATE ` + table + ` SET channels = '{"email":["mallory@example.com"]}'`); err != nil {
		t.Fatal(err)
	}
	out, errOut, status := relay.run("verify")
	if status != 1 || !strings.Contains(out, "profiles: 1 differences") || !strings.Contains(out, "mallory@example.com") {
		t.Errorf("verify: status %d\n%s%s", status, out, errOut)
	}
	relay.must("reproject", "--from", "beginning")
	relay.must("verify", "--json")
}

func TestReprojectFromAPointOn(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	for _, name := range []string{"A", "B", "C"} {
		server.send(`{"type":"track","userId":"1","event":"` + name + `"}`)
	}
	file := filepath.Join(t.TempDir(), "mapping.json")
	if err := os.WriteFile(file, []byte(`{"event_prefix": "p:"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	relay.must("mapping", "apply", file)
	server.send(`{"type":"track","userId":"1","event":"D"}`)
	settled(t, db)
	const names = `SELECT string_agg(event_name, ' ' ORDER BY log_offset) FROM relay.events`
	for _, c := range []struct{ from, want string }{
		{"mapping:2", "A B C p:D"},
		{"3", "A B p:C p:D"},
		{text(t, db, `SELECT to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM relay.log WHERE "offset" = 2`), "A p:B p:C p:D"},
		{"beginning", "p:A p:B p:C p:D"},
	} {
		relay.must("reproject", "--from", c.from)
		if got := text(t, db, names); got != c.want {
			t.Errorf("after --from %s: %q, want %q", c.from, got, c.want)
		}
		relay.must("verify")
	}
	for _, from := range []string{"yesterday", "0", "-1", "mapping:x", ""} {
		if _, errOut, status := relay.run("reproject", "--from", from); status != 2 {
			t.Errorf("--from %q: status %d, want 2: %s", from, status, errOut)
		}
	}
	for _, from := range []string{"mapping:9", "100000"} {
		if _, errOut, status := relay.run("reproject", "--from", from); status != 1 {
			t.Errorf("--from %q: status %d, want 1: %s", from, status, errOut)
		}
	}
}

// toldStory returns a relay that serves, with an identify and a track call that
// live projections have projected.
func toldStory(t *testing.T) (*instance, *serving, *sql.DB) {
	t.Helper()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.send(peter)
	server.send(registered)
	settled(t, db)
	return relay, server, db
}

// TestReprojectFromAVersionOn: where projections differ in where a version began
// to hold for them, mapping:N means the first of those that are chosen, always.
func TestReprojectFromAVersionOn(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	for range 3 {
		server.send(`{"type":"track","userId":"1","event":"E"}`)
	}
	relay.must("mapping", "apply", relay.writeFile("mapping.json", `{"event_prefix": "p:", "channels": {"email": "e"}}`))
	settled(t, db)
	relay.must("reproject", "--from", "2", "--projection", "profiles")
	for chosen, want := range map[string]int64{"": 2, "profiles": 2, "events": 4} {
		args := []string{"reproject", "--from", "mapping:2", "--plan", "--json"}
		if chosen != "" {
			args = append(args, "--projection", chosen)
		}
		for range 8 { // it may come out right by chance
			var plan struct {
				From int64 `json:"from_offset"`
			}
			if relay.json(&plan, args...); plan.From != want {
				t.Fatalf("%q begins at %d, want %d", chosen, plan.From, want)
			}
		}
	}
}

// TestApplyAndReprojectAsJSON: one document covers both.
func TestApplyAndReprojectAsJSON(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	server.send(`{"type":"track","userId":"1","event":"E"}`)
	settled(t, relay.open())
	var out struct {
		Version      int   `json:"version"`
		Offset       int64 `json:"log_offset"`
		Reprojection struct {
			Version int      `json:"mapping_version"`
			From    int64    `json:"from_offset"`
			Rebuilt []string `json:"rebuilt"`
		} `json:"reprojection"`
	}
	relay.json(&out, "mapping", "apply", relay.writeFile("mapping.json", `{"event_prefix": "p:"}`), "--reproject", "--json")
	if out.Version != 2 || out.Offset != 2 || out.Reprojection.Version != 2 || out.Reprojection.From != 1 || !slices.Equal(out.Reprojection.Rebuilt, []string{"events"}) {
		t.Errorf("%+v", out)
	}
}
