package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lib/pq"
)

// TestRejectedBodiesAreTriedAgain: a signing secret was mistyped, and nothing
// that came meanwhile is lost.
func TestRejectedBodiesAreTriedAgain(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	key := strings.TrimSpace(relay.must("keys", "create", "web", "--signing-secret-file", relay.writeFile("secret", "mistyped")))
	server := relay.serve()
	for n := range 3 {
		body := fmt.Sprintf(`[{"type":"track","messageId":"m%d","userId":"ann","event":"E"},7]`, n)
		r := inbound{name: "signed otherwise", path: "/connector/segment", auth: "Bearer " + key, body: body, status: 403, code: "bad_signature", source: "web", kept: true}
		r.check(t, db, r.do(t, server.address))
	}
	nonsense := inbound{name: "nonsense", path: "/v1/track", auth: "Bearer " + testKey, body: "nonsense\x1b[2J", status: 400, code: "invalid_json", source: "env"}
	if a := nonsense.do(t, server.address); a.StatusCode != 400 {
		t.Fatalf("nonsense: status %d", a.StatusCode)
	}

	var list []rejectedOutput
	ids := func(args ...string) (ids string) {
		relay.json(&list, append([]string{"rejected", "list", "--json"}, args...)...)
		for _, e := range list {
			ids += fmt.Sprint(e.ID, " ")
		}
		return strings.TrimSpace(ids)
	}
	for args, want := range map[string]string{
		"": "4 3 2 1", "--limit 2": "4 3", "--source web": "3 2 1", "--code invalid_json": "4", "--source web --code invalid_json": "",
	} {
		if got := ids(strings.Fields(args)...); got != want {
			t.Errorf("rejected list %s: %s, want %s", args, got, want)
		}
	}
	if out := relay.must("rejected", "list"); !strings.Contains(out, "bad_signature") || strings.Contains(out, "\x1b") {
		t.Errorf("rejected list: %q", out)
	}
	if out := relay.must("rejected", "show", "4"); out != nonsense.body {
		t.Errorf("rejected show printed %q, want the body as it came", out)
	}
	var shown rejectedOutput
	if relay.json(&shown, "rejected", "show", "4", "--json"); string(shown.Body) != nonsense.body || shown.Bytes != len(nonsense.body) || shown.RetriedAt != nil {
		t.Errorf("rejected show: %+v", shown)
	}

	var one retried
	if relay.json(&one, "rejected", "retry", "2", "--json"); one.ID != 2 || one.Calls != 2 || len(one.Rejected) != 1 {
		t.Errorf("rejected retry: %+v", one)
	}
	if _, errOut, status := relay.run("rejected", "retry", "2"); status != 1 || !strings.Contains(errOut, "already") {
		t.Errorf("a second retry: status %d, %s", status, errOut)
	}
	var many []retried
	if relay.json(&many, "rejected", "retry", "--all", "--code", "bad_signature", "--json"); len(many) != 2 || many[0].ID != 1 || many[1].ID != 3 {
		t.Errorf("rejected retry --all: %+v", many)
	}
	out, errOut, status := relay.run("rejected", "retry", "--all")
	if status != 1 || out != "" || !strings.Contains(errOut, "rejected body 4 was not written") || !strings.Contains(errOut, "0 of 1 rejected bodies") {
		t.Errorf("a retry of nonsense: status %d, %s%s", status, out, errOut)
	}
	for _, args := range []string{"rejected retry", "rejected retry x", "rejected retry --all 1", "rejected retry 1 --code x", "rejected show"} {
		if _, errOut, status := relay.run(strings.Fields(args)...); status != 2 {
			t.Errorf("relay %s: status %d, %s", args, status, errOut)
		}
	}
	settled(t, db)
	if got := text(t, db, `SELECT string_agg(message_id, ' ' ORDER BY message_id) FROM relay.events`); got != "m0 m1 m2" {
		t.Errorf("events %s", got)
	}
	if got := text(t, db, `SELECT count(retried_at) || ' of ' || count(*) FROM relay.rejected`); got != "3 of 4" {
		t.Errorf("%s are marked as retried", got)
	}
}

// TestRejectedBodiesOfTheSuppressed: what is refused is kept without the calls of
// people who were erased for good, and no retry brings them back.
func TestRejectedBodiesOfTheSuppressed(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	key := strings.TrimSpace(relay.must("keys", "create", "web", "--signing-secret-file", relay.writeFile("secret", "s")))
	server := relay.serve()
	relay.must("forget", "milton", "--suppress")
	call := func(user string) string {
		return fmt.Sprintf(`{"type":"track","messageId":"of-%s","userId":"%[1]s","event":"E"}`, user)
	}
	for i, c := range []struct{ body, kept string }{
		{call("milton"), ""},
		{"[" + call("milton") + "," + call("ann") + "]", "[null," + call("ann") + "]"},
		{`[{"type":"nonsense","userId":"milton"},8]`, "[null,8]"},
	} {
		r := inbound{path: "/connector/segment", auth: "Bearer " + key, body: c.body}
		if a := r.do(t, server.address); a.StatusCode != 403 {
			t.Fatalf("body %d: status %d", i, a.StatusCode)
		}
		if got := text(t, db, `SELECT coalesce((SELECT convert_from(body, 'UTF8') FROM relay.rejected ORDER BY id DESC LIMIT 1), '')`); got != c.kept {
			t.Errorf("of body %d this is kept: %q, want %q", i, got, c.kept)
		}
	}
	// one that was kept before the person was suppressed everywhere
	if _, err := db.Exec(`INSERT INTO relay_store.rejected (request_id, received_at, source, route, code, message, body)
		SELECT gen_random_uuid(), now(), 'web', '/connector/segment', 'bad_signature', 'none', convert_to(b, 'UTF8') FROM unnest($1::text[]) b`,
		pq.Array([]string{call("milton"), "[" + call("milton") + "," + call("bob") + "]", "[" + call("milton") + ",8]"})); err != nil {
		t.Fatal(err)
	}
	out, errOut, _ := relay.run("rejected", "retry", "--all")
	for _, want := range []string{"body 3 was dropped", "1 calls, 0 of them unusable; 1 more", "body 2 was not written", "body 5 was not written", "2 of 5 rejected bodies"} {
		if !strings.Contains(out+errOut, want) {
			t.Errorf("retry says no %q:\n%s%s", want, out, errOut)
		}
	}
	settled(t, db)
	if got := text(t, db, `SELECT string_agg(message_id, ' ' ORDER BY message_id) FROM relay.events`); got != "of-ann of-bob" {
		t.Errorf("events %s", got)
	}
	if got := text(t, db, `SELECT string_agg(convert_from(body, 'UTF8'), ' ') FROM relay.rejected`); strings.Contains(got, "milton") {
		t.Errorf("kept: %s", got)
	}
}

// TestIssuesAreTold: what a projection ignored is named, with an example.
func TestIssuesAreTold(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	server.send(`{"type":"identify","userId":"ann","traits":{"phone":"12345"}}`)
	settled(t, relay.open())
	var list []struct {
		Code    string `json:"code"`
		Source  string `json:"source"`
		Count   int    `json:"count"`
		Example int    `json:"example_offset"`
	}
	if relay.json(&list, "issues", "--json"); len(list) != 1 || list[0].Source != "env" || list[0].Count != 1 || list[0].Example != 1 {
		t.Errorf("issues: %+v", list)
	}
	if out := relay.must("issues"); !strings.Contains(out, list[0].Code) || !strings.Contains(out, "env") {
		t.Errorf("issues printed %s", out)
	}
}
