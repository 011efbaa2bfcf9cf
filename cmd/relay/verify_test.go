package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"relay/app/replay"
)

func verified(t *testing.T, out string) map[string]replay.Verified {
	t.Helper()
	var results []replay.Verified
	if err := json.Unmarshal([]byte(out), &results); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	byName := map[string]replay.Verified{}
	for _, r := range results {
		byName[r.Projection] = r
	}
	return byName
}

// TestVerifyOnePerson: while everything runs, one person's rows are compared
// with what their calls say.
func TestVerifyOnePerson(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.send(`{"type":"track","messageId":"t1","userId":"first","event":"Mine"}`)
	server.send(peter)
	server.send(registered) // its message id came before
	server.send(ordered)
	server.send(`{"type":"identify","userId":17,"traits":{"plan":"a \"b\""}}`)
	server.send(`{"type":"track","userId":"a\"b\u00e9/\\","event":"Odd"}`)
	settled(t, db)
	for id, want := range map[string]string{
		"97980cfea0067": "profiles, 1 person in 1 call: the same as a replay of the log up to offset 6\nevents, 1 person in 2 calls: the same as a replay of the log up to offset 6\n",
		"17":            "profiles, 1 person in 1 call: the same as a replay of the log up to offset 6\nevents, nothing to compare: no calls up to log offset 6, and no rows\n",
		`a"bé/\`:        "profiles, nothing to compare: no calls up to log offset 6, and no rows\nevents, 1 person in 1 call: the same as a replay of the log up to offset 6\n",
		"nobody":        "profiles, nothing to compare: no calls up to log offset 6, and no rows\nevents, nothing to compare: no calls up to log offset 6, and no rows\n",
	} {
		if out := relay.must("verify", "--person", id); out != want {
			t.Errorf("verify --person %s printed\n%s\nwant\n%s", id, out, want)
		}
	}
	table := text(t, db, `SELECT 'relay_store.events_g' || id FROM relay_store.generations WHERE projection = 'events' AND status = 'serving'`)
	if _, err := db.Exec(`UPDATE ` + table + ` SET distinct_id = 'mallory' WHERE message_id = 't2'`); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"97980cfea0067", "mallory"} {
		out, errOut, status := relay.run("verify", "--person", id, "--json")
		if r := verified(t, out); status != 1 || r["profiles"].Differences != 0 || r["events"].Differences != 1 || r["events"].Examples[0].Key != "t2" {
			t.Errorf("verify --person %s: status %d\n%s%s", id, status, out, errOut)
		}
	}
	relay.must("verify", "--person", "first")
	checkNothingLeftOver(t, relay)
}

// TestLookAtASample: samples can be verified and previewed beside a
// re-projection that holds the claim.
func TestLookAtASample(t *testing.T) {
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
	ended := make(chan int, 1)
	reader := execer(t, db)
	if err := reader.Exec(`SELECT count(*) FROM relay.profiles, relay.events`); err != nil {
		t.Fatal(err)
	}
	wait := relay.watch(func(*os.Process, string) {}, "reproject", "--from", "beginning")
	go func() { ended <- wait() }()
	waitFor(t, "the re-projection to wait for the reader", func() bool {
		return text(t, db, `SELECT phase FROM relay.reprojections`) == "switching"
	})
	r := verified(t, relay.must("verify", "--sample", "1000", "--json"))
	if p, e := r["profiles"].BasedOn, r["events"].BasedOn; p == nil || *p != (replay.Basis{People: 2, Calls: 2}) || e == nil || *e != (replay.Basis{People: 1, Calls: 1}) {
		t.Errorf("the sample is based on %+v and %+v", p, e)
	}
	var preview replay.Preview
	if err := json.Unmarshal([]byte(relay.must("reproject", "--from", "beginning", "--dry-run", "--sample", "1000", "--json")), &preview); err != nil {
		t.Fatal(err)
	}
	for _, p := range preview.Projections {
		if len(p.Counts) == 0 || p.Counts[0].Count != 1 || len(p.Examples) != 1 || p.BasedOn == nil {
			t.Errorf("the preview of a sample says %+v", p)
		}
	}
	out := relay.must("reproject", "--from", "beginning", "--dry-run", "--sample", "1")
	if !strings.Contains(out, "events, 1 person in 1 call: events") || !strings.Contains(out, "profiles, 1 person in 1 call: channels, preferences") {
		t.Errorf("it printed %s", out)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if status := <-ended; status != 0 {
		t.Errorf("the re-projection ended with status %d", status)
	}
	relay.must("verify", "--sample", "1000")
	for _, args := range [][]string{
		{"verify", "--sample", "0"}, {"verify", "--sample", "100001"}, {"verify", "--sample", "3", "--person", "a"},
		{"reproject", "--from", "beginning", "--sample", "3"}, {"reproject", "--from", "beginning", "--dry-run", "--sample", "-1"},
	} {
		if _, errOut, status := relay.run(args...); status != 2 {
			t.Errorf("%v: status %d, want 2: %s", args, status, errOut)
		}
	}
}
