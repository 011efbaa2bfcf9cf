package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"relay/app/replay"
)

// TestDryRun: what a re-projection would change is told, and nothing changes.
func TestDryRun(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.send(peter)
	server.send(registered)
	server.send(`{"type":"identify","userId":"other","traits":{"language":"EN"}}`)
	settled(t, db)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	settled(t, db)
	const state = `SELECT (SELECT jsonb_agg(p ORDER BY distinct_id) FROM relay.profiles p)::text || (SELECT jsonb_agg(e) FROM relay.events e)::text || (SELECT jsonb_agg(g) FROM relay.mapping_timeline g)::text`
	before := text(t, db, state)
	var preview replay.Preview
	if err := json.Unmarshal([]byte(relay.must("reproject", "--from", "beginning", "--dry-run", "--json")), &preview); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, p := range preview.Projections {
		for _, c := range p.Counts {
			counts[c.What] = c.Count
		}
		for _, i := range p.Issues {
			counts[i.Code+" now"], counts[i.Code+" then"] = i.Before, i.After
		}
		if len(p.Examples) == 0 {
			t.Errorf("no examples of %s", p.Projection)
		}
	}
	for what, want := range map[string]int64{"people changed": 1, "languages set": 1, "channel slack_email: values added": 1, "events renamed": 1, "events added": 0, "bad_language now": 0, "bad_language then": 1} {
		if counts[what] != want {
			t.Errorf("%s: %d, want %d; all: %v", what, counts[what], want, counts)
		}
	}
	if out := relay.must("reproject", "--from", "beginning", "--dry-run"); !strings.Contains(out, "segment : User Registered") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("it printed %s", out)
	}
	if after := text(t, db, state); after != before {
		t.Errorf("the dry run changed\n%s\nto\n%s", before, after)
	}
	checkNothingLeftOver(t, relay)
	if n := text(t, db, `SELECT count(*) FROM relay.reprojections`); n != "0" {
		t.Errorf("%s re-projections are on record", n)
	}
}

// TestCancel: a re-projection that somebody cancels ends and leaves nothing; a
// second one is told who runs.
func TestCancel(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.send(peter)
	settled(t, db)
	reader := execer(t, db)
	if err := reader.Exec(`SELECT count(*) FROM relay.profiles, relay.events`); err != nil {
		t.Fatal(err)
	}
	ended := make(chan int, 1)
	wait := relay.watch(func(*os.Process, string) {}, "reproject", "--from", "beginning")
	go func() { ended <- wait() }()
	waitFor(t, "the re-projection to wait for the reader", func() bool {
		return text(t, db, `SELECT phase FROM relay.reprojections`) == "switching"
	})
	if _, errOut, status := relay.run("reproject", "--from", "beginning"); status != 1 || !strings.Contains(errOut, "relay re-projection, process ") {
		t.Errorf("a second one: status %d, %s", status, errOut)
	}
	if out := relay.must("reproject", "--cancel"); !strings.Contains(out, "cancelled") {
		t.Errorf("--cancel printed %q", out)
	}
	if status := <-ended; status != 1 {
		t.Errorf("the cancelled one ended with status %d", status)
	}
	if got := text(t, db, `SELECT status FROM relay.reprojections`); got != "cancelled" {
		t.Errorf("it is on record as %s", got)
	}
	checkNothingLeftOver(t, relay)
	if out := relay.must("reproject", "--cancel"); !strings.Contains(out, "no re-projection is running") {
		t.Errorf("--cancel with none running printed %q", out)
	}
}
