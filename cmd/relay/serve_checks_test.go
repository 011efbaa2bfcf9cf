package main

import (
	"database/sql"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"relay/app/replay"
)

// checked is a verification or dry run of everything, as programs see it.
type checked struct {
	Kind, Status, Phase, Error, Advice string
	Verified                           []replay.Verified
	Preview                            *replay.Preview
}

// check asks for the check that runs, or ran last.
func (s *serving) check() (c checked) {
	s.t.Helper()
	status, body := s.ask("GET", "/api/reprojections/check", "", nil)
	if status == 404 {
		return c
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil || status != 200 {
		s.t.Fatalf("the check: %d, %s: %v", status, body, err)
	}
	return c
}

// checkEnds waits until the check ends, and in which way.
func (s *serving) checkEnds(kind, status string) (c checked) {
	s.t.Helper()
	waitFor(s.t, "the "+kind+" to end", func() bool {
		c = s.check()
		return c.Status != "" && c.Status != "running"
	})
	if c.Kind != kind || c.Status != status {
		s.t.Fatalf("it ended as %+v, want a %s that is %s", c, kind, status)
	}
	return c
}

// press presses a button of the console's Re-projections.
func (s *serving) press(button string, says ...string) {
	s.t.Helper()
	status, _, body := s.form("/reprojections", url.Values{"do": {button}, "from": {"beginning"}, "max_load": {"100"}})
	if status != 200 {
		s.t.Fatalf("%s: status %d\n%s", button, status, body)
	}
	s.contains(body, says...)
}

// shows looks for texts on the console's Re-projections.
func (s *serving) shows(says ...string) {
	s.t.Helper()
	_, body := s.ask("GET", "/reprojections", "", nil)
	s.contains(body, says...)
}

func (s *serving) contains(body string, says ...string) {
	s.t.Helper()
	for _, text := range says {
		if !strings.Contains(body, text) {
			s.t.Errorf("no %q in\n%s", text, body)
		}
	}
}

// showChanges leaves a dry run's examples of hostile events on the page.
func (s *serving) showChanges() {
	s.t.Helper()
	s.must("mapping", "apply", s.writeFile("mapping.yaml", "event_prefix: \"new: \"\n"))
	s.press("dryrun-all")
	s.checkEnds("dry run", "done")
	s.shows("new: e&lt;script&gt;")
}

// toCheck returns a server with something to check, under a mapping that is not
// applied to it yet.
func toCheck(t *testing.T) (*serving, *sql.DB) {
	t.Helper()
	relay, server, db := toldStory(t)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	settled(t, db)
	return server, db
}

// TestServeChecks: relay serve verifies and tries re-projections of everything
// for its operators, finds what the commands find, and keeps it on the page.
func TestServeChecks(t *testing.T) {
	t.Parallel()
	server, db := toCheck(t)
	before := servedRows(t, db)
	if status, body := server.ask("GET", "/api/reprojections/check", "", nil); status != 404 {
		t.Errorf("before the first one: %d, %s", status, body)
	}
	server.press("dryrun-all", "Started. ")
	got := server.checkEnds("dry run", "done")
	var want replay.Preview
	if err := json.Unmarshal([]byte(server.must("reproject", "--from", "beginning", "--dry-run", "--json")), &want); err != nil {
		t.Fatal(err)
	}
	if got.Preview == nil || !reflect.DeepEqual(*got.Preview, want) {
		t.Errorf("the dry run says\n%+v\nand the command\n%+v", got.Preview, want)
	}
	server.shows("The dry run of everything", "channel slack_email: values added", "based on everything", "peter@work.example.com")

	server.press("verify-all", "Started. ")
	server.checkEnds("verification", "done")
	server.shows("The verification of everything", "no difference", "among all rows, up to log offset 3")
	if servedRows(t, db) != before {
		t.Error("looking changed something")
	}
	table := text(t, db, `SELECT 'relay_store.events_g' || id FROM relay_store.generations WHERE projection = 'events' AND status = 'serving'`)
	if _, err := db.Exec(`UPDATE ` + table + ` SET distinct_id = 'mallory'`); err != nil {
		t.Fatal(err)
	}
	if status, body := server.ask("POST", "/api/reprojections/verify", `{"projection":"events","max_load":50}`, nil); status != 200 || !strings.Contains(body, `"kind":"verification"`) {
		t.Errorf("verify: %d, %s", status, body)
	}
	if got := server.checkEnds("verification", "done"); len(got.Verified) != 1 || got.Verified[0].Differences != 1 {
		t.Errorf("a changed row: %+v", got)
	}
	server.shows("1 difference", "mallory")
	refusedChecks(t, server)
	server.shows("1 difference")
	if status, body := server.ask("POST", "/api/reprojections", `{"from":"beginning"}`, nil); status != 200 {
		t.Fatalf("re-project: %d, %s", status, body)
	}
	if got := server.check(); got.Kind != "" {
		t.Errorf("after the next run there still is %+v", got)
	}
	waitFor(t, "the run's end", func() bool { return text(t, db, `SELECT status FROM relay.reprojections`) == "done" })
	checkNothingLeftOver(t, server.instance)
}

// refusedChecks: what cannot be checked is refused at once.
func refusedChecks(t *testing.T, server *serving) {
	t.Helper()
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/api/reprojections/verify", `{"projection":"people"}`, 400}, {"/api/reprojections/dry-run", `{"from":"nowhere"}`, 400},
		{"/api/reprojections/dry-run", `{"from":"beginning","max_load":101}`, 400}, {"/api/reprojections/dry-run", `{"from":"mapping:9"}`, 404},
	} {
		if status, body := server.ask("POST", c.path, c.body, nil); status != c.status {
			t.Errorf("%s %s: %d, %s", c.path, c.body, status, body)
		}
	}
}

// heldUp starts a check and holds it up where it compares, until the transaction
// that is returned ends.
func heldUp(t *testing.T, server *serving, db *sql.DB, button string) held {
	t.Helper()
	tx := execer(t, db)
	if err := tx.Exec(`SELECT FROM relay_store.generations WHERE status = 'serving' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	server.press(button)
	waitFor(t, "the check to compare", func() bool { c := server.check(); return c.Status == "running" && c.Phase == "comparing" })
	return tx
}

// TestServeChecksEnd: a check is one at a time with whatever builds generations,
// can be cancelled on the page and by a command, says why it failed and what to
// do, and ends with the server. Nothing is left over then.
func TestServeChecksEnd(t *testing.T) {
	t.Parallel()
	server, db := toCheck(t)
	before := servedRows(t, db)
	tx := heldUp(t, server, db, "verify-all")
	server.shows("A verification of everything is running", "comparing profiles: 1 of 1 log row", `value="cancel"`)
	for _, do := range []string{"start", "undo", "dryrun-all", "verify-all"} {
		if status, _, body := server.form("/reprojections", url.Values{"do": {do}, "from": {"beginning"}, "max_load": {"100"}}); status != 409 || !strings.Contains(body, "a verification, in this process") {
			t.Errorf("%s beside it: %d\n%s", do, status, body)
		}
	}
	if _, errOut, status := server.run("reproject", "--from", "beginning"); status != 1 || !strings.Contains(errOut, "relay verification, process ") {
		t.Errorf("a command beside it: status %d, %s", status, errOut)
	}
	server.press("cancel", "Cancelled. Queries see the same rows as before", "cancelled after")
	_ = tx.Rollback()
	checkNothingLeftOver(t, server.instance)

	tx = heldUp(t, server, db, "dryrun-all")
	if out := server.must("reproject", "--cancel"); !strings.Contains(out, "cancelled") {
		t.Errorf("--cancel printed %q", out)
	}
	server.checkEnds("dry run", "cancelled")
	_ = tx.Rollback()
	server.press("cancel", "Nothing was running")

	tx = heldUp(t, server, db, "verify-all")
	text(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'relay verification%'`)
	server.checkEnds("verification", "failed")
	server.shows("failed after", "the lock for building generations was lost", "that the database answers")
	_ = tx.Rollback()
	checkNothingLeftOver(t, server.instance)

	for _, button := range []string{"verify-all", "dryrun-all"} {
		tx = heldUp(t, server, db, button)
		if code := server.stop(); code != 0 {
			t.Errorf("it stopped with status %d: %s", code, server.stderr)
		}
		_ = tx.Rollback()
		checkNothingLeftOver(t, server.instance)
		server = server.serve()
		if got := server.check(); got.Kind != "" {
			t.Errorf("after a restart there is %+v", got)
		}
	}
	if got := servedRows(t, db); got != before {
		t.Errorf("people see %s, want %s", got, before)
	}
}
