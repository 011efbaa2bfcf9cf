package main

import (
	"net/url"
	"strings"
	"testing"

	"relay/app/erasure"
)

// TestSuppressedAreListed: the command and the console list suppressed people
// without their ids, find an id, and lift a suppression for good.
func TestSuppressedAreListed(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	for _, id := range []string{"milton-77", "bill-78"} {
		relay.must("forget", id, "--suppress")
	}
	server.send(`{"type":"identify","userId":"milton-77"}`)
	waitFor(t, "the dropped call to be counted", func() bool { return text(t, db, `SELECT sum(hits) FROM relay_store.suppressed`) == "1" })
	list := func(args ...string) (list []erasure.SuppressedPerson) {
		t.Helper()
		relay.json(&list, append([]string{"suppressed", "list", "--json"}, args...)...)
		return list
	}
	milton := list("milton-77")
	if all := list(); len(all) != 2 || len(list("--limit", "1")) != 1 || len(list("nobody")) != 0 || len(milton) != 1 || milton[0].Dropped != 1 || milton[0] == all[0] {
		t.Fatalf("all: %v, milton: %v", all, milton)
	}
	if out := relay.must("suppressed", "list"); strings.Contains(out, "milton") || !strings.Contains(out, milton[0].Mark) {
		t.Errorf("the list is\n%s", out)
	}
	if _, body := server.ask("GET", "/people/suppressed", "", nil); strings.Contains(body, "milton") || strings.Count(body, `name="mark"`) != 2 {
		t.Errorf("the page is\n%s", body)
	}
	_, body := server.ask("GET", "/people/suppressed?id=milton-77", "", nil)
	if strings.Count(body, `name="mark"`) != 1 || !strings.Contains(body, milton[0].Mark) {
		t.Errorf("a search finds\n%s", body)
	}
	lift := url.Values{"do": {"lift"}, "mark": {milton[0].Mark}}
	if status, _, body := server.form("/people/suppressed", lift); status != 200 || !strings.Contains(body, "accepted again") || strings.Contains(body, milton[0].Mark) {
		t.Errorf("lifted: %d, %s", status, body)
	}
	if status, _, body := server.form("/people/suppressed", lift); status != 404 || !strings.Contains(body, "not suppressed") {
		t.Errorf("lifted twice: %d, %s", status, body)
	}
	if status, _, _ := server.form("/people/suppressed", url.Values{"do": {"nothing"}}); status != 400 {
		t.Errorf("no such button: %d", status)
	}
	waitFor(t, "calls of the person to be accepted again", func() bool {
		server.send(`{"type":"identify","userId":"milton-77"}`)
		return text(t, db, `SELECT count(*) FROM relay.profiles`) == "1"
	})
}

// TestSuppressedDevices: where ids are joined, a person is one line, found by an
// anonymous id too; its mark lifts the suppression of all its ids.
func TestSuppressedDevices(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	relay.must("mapping", "apply", relay.writeFile("join.yaml", "identity: join\n"))
	server.send(`{"type":"identify","userId":"milton-77","anonymousId":"device-1"}`)
	settled(t, relay.open())
	relay.must("forget", "milton-77", "--suppress")
	var list []erasure.SuppressedPerson
	if relay.json(&list, "suppressed", "list", "device-1", "--json"); len(list) != 1 || list[0].IDs != 2 {
		t.Fatalf("the device's person: %v", list)
	}
	relay.must("suppressed", "lift", "--mark", list[0].Mark)
	for args, want := range map[string]int{"lift milton-77": 1, "lift": 2, "lift milton-77 --mark x": 2, "list a b": 2, "list --limit 0": 2} {
		if _, _, status := relay.run(append([]string{"suppressed"}, strings.Fields(args)...)...); status != want {
			t.Errorf("relay suppressed %s: status %d, want %d", args, status, want)
		}
	}
}
