package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// TestKilledReprojectResumes kills a re-projection at random moments, and its
// resumption too: what is served in the end is what an undisturbed run gives.
func TestKilledReprojectResumes(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.sendMany(30_000, 2_000)
	settled(t, db)
	before := servedRows(t, db)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	settled(t, db)
	started := time.Now()
	relay.must("reproject", "--from", "beginning")
	took := time.Since(started)
	undisturbed := servedRows(t, db)
	if undisturbed == before {
		t.Fatal("the re-projection changed nothing")
	}
	relay.must("reproject", "--undo")
	if got := servedRows(t, db); got != before {
		t.Fatalf("undone: %s\nwant %s", got, before)
	}
	killed := 0
	for range 8 {
		args := []string{"reproject", "--from", "beginning"}
		for n := 0; ; n++ {
			status := relay.killAfter(time.Duration(rand.Int64N(int64(took)*6/5)), n < 4, args...)
			if status == 0 {
				break
			}
			killed++
			got := servedRows(t, db)
			if got == undisturbed && !interrupted(t, db) {
				break // it was killed after the switch
			}
			if got != before {
				t.Fatalf("after a kill people see %s\nwant %s", got, before)
			}
			if interrupted(t, db) {
				tellsOfInterruption(t, server)
				args = []string{"reproject", "--resume"}
			} else {
				args = []string{"reproject", "--from", "beginning"}
			}
		}
		if got := servedRows(t, db); got != undisturbed {
			t.Fatalf("resumed: %s\nwant %s", got, undisturbed)
		}
		relay.must("reproject", "--undo")
		checkNothingLeftOver(t, relay)
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	relay.must("verify")
	if _, errOut, status := relay.run("reproject", "--resume"); status != 1 || !strings.Contains(errOut, "no re-projection to resume") {
		t.Errorf("--resume with nothing to resume: status %d, %s", status, errOut)
	}
}

// tellsOfInterruption: status says what can be done, also of a resumption that
// was killed before it began, and so does the console of one that ran.
func tellsOfInterruption(t *testing.T, server *serving) {
	t.Helper()
	var status string
	waitFor(t, "status to show the interruption", func() bool {
		status = server.must("status")
		return strings.Contains(status, "relay reproject --resume")
	})
	if !strings.Contains(status, ", interrupted (") {
		return
	}
	if _, page := server.ask("GET", "/reprojections", "", nil); !strings.Contains(page, "was interrupted") || !strings.Contains(page, `value="resume">Resume<`) {
		t.Fatalf("the console says\n%s", page)
	}
}

// servedRows is a digest of all that people can query of the projections.
func servedRows(t *testing.T, db *sql.DB) string {
	t.Helper()
	return text(t, db, `SELECT concat_ws(' ',
    (SELECT count(*) || '-' || md5(string_agg(p::text, ',' ORDER BY distinct_id)) FROM relay.profiles p),
    (SELECT count(*) || '-' || md5(string_agg(c::text, ',' ORDER BY distinct_id, channel, value)) FROM relay.profile_channels c),
    (SELECT count(*) || '-' || md5(string_agg(e::text, ',' ORDER BY message_id)) FROM relay.events e),
    (SELECT count(*) || '-' || md5(string_agg(i::text, ',' ORDER BY code, source, detail)) FROM relay.issues i))`)
}

// interrupted reports whether there is something to resume.
func interrupted(t *testing.T, db *sql.DB) bool {
	t.Helper()
	return text(t, db, `SELECT count(*) FROM relay_store.generations WHERE status = 'building'`) != "0"
}

// killAfter runs a command and, if told to, kills it after a while. It returns
// the exit status, -1 where it was killed.
func (i *instance) killAfter(after time.Duration, kill bool, args ...string) int {
	i.t.Helper()
	c := i.command(args...)
	if err := c.Start(); err != nil {
		i.t.Fatal(err)
	}
	if kill {
		timer := time.AfterFunc(after, func() { _ = c.Process.Kill() }) // it may have ended
		defer timer.Stop()
	}
	_ = c.Wait() // the status tells
	return c.ProcessState.ExitCode()
}

// sendMany sends identifies and tracks of many people, some of them doubled and
// some with what has to be ignored.
func (s *serving) sendMany(calls, people int) {
	s.t.Helper()
	var batch []string
	flush := func() {
		s.send("[" + strings.Join(batch, ",") + "]")
		batch = batch[:0]
	}
	for n := range calls {
		person := n * 7919 % people
		if n%4 == 0 {
			batch = append(batch, fmt.Sprintf(`{"type":"identify","userId":"u%d","traits":{"email":"u%d-%d@example.com","phone":"nothing","language":"en","slack_email":"u%d@work.example.com","n":%d}}`, person, person, n%3, person, n))
		} else {
			batch = append(batch, fmt.Sprintf(`{"type":"track","messageId":"m%d","userId":"u%d","event":"E%d","properties":{"n":%d}}`, n-n%40/39, person, n%5, n))
		}
		if len(batch) == 1000 {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
}

// TestInterruptedReproject: an interrupted re-projection says how to resume it,
// keeps what it built, and can be resumed or cancelled.
func TestInterruptedReproject(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.sendMany(2_000, 100)
	settled(t, db)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	before := servedRows(t, db)
	for _, next := range []string{"--cancel", "--resume"} {
		said := relay.interruptSwitch(db)
		if !strings.Contains(said, "relay reproject --resume") {
			t.Errorf("an interrupted run said %s", said)
		}
		if got := servedRows(t, db); got != before || !interrupted(t, db) {
			t.Errorf("interrupted, people see %s, want %s; there is something to resume: %v", got, before, interrupted(t, db))
		}
		relay.must("reproject", next)
		checkNothingLeftOver(t, relay)
	}
	if servedRows(t, db) == before {
		t.Error("the resumed run changed nothing")
	}
	if got := text(t, db, `SELECT string_agg(status, ' ' ORDER BY id) FROM relay.reprojections`); got != "failed done" {
		t.Errorf("on record: %s", got)
	}
	relay.must("verify")
}

// interruptSwitch starts a re-projection, holds it up before the switch, and
// interrupts it there. It returns what it wrote to stderr.
func (i *instance) interruptSwitch(db *sql.DB) string {
	i.t.Helper()
	reader, err := db.Begin()
	if err != nil {
		i.t.Fatal(err)
	}
	defer reader.Rollback()
	if _, err := reader.Exec(`SELECT count(*) FROM relay.profiles, relay.events`); err != nil {
		i.t.Fatal(err)
	}
	var said strings.Builder
	signalled := false
	wait := i.watch(func(process *os.Process, line string) {
		said.WriteString(line + "\n")
		if !signalled && strings.HasPrefix(line, "switching") {
			signalled = true
			_ = process.Signal(os.Interrupt)
		}
	}, "reproject", "--from", "beginning")
	if status := wait(); status != 1 {
		i.t.Errorf("interrupted, it ended with status %d: %s", status, said.String())
	}
	return said.String()
}

// TestReprojectOutlivesLostConnections: when the server drops every connection,
// as a restart does, the run says so and can be resumed, and relay serve continues.
func TestReprojectOutlivesLostConnections(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.sendMany(2_000, 100)
	settled(t, db)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	before := servedRows(t, db)
	reader := execer(t, db)
	if err := reader.Exec(`SELECT set_config('application_name', 'reader', false), count(*) FROM relay.profiles, relay.events`); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	wait := relay.watch(func(_ *os.Process, line string) { said.WriteString(line + "\n") }, "reproject", "--from", "beginning")
	ended := make(chan int, 1)
	go func() { ended <- wait() }()
	waitFor(t, "the run to wait for the reader", func() bool {
		return text(t, db, `SELECT phase FROM relay.reprojections ORDER BY id DESC LIMIT 1`) == "switching"
	})
	text(t, db, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'relay%'`)
	if status := <-ended; status != 1 || !strings.Contains(said.String(), "relay reproject --resume") {
		t.Errorf("it ended with status %d: %s", status, said.String())
	}
	_ = reader.Rollback() // its connection may be among those that were dropped
	if got := servedRows(t, db); got != before {
		t.Errorf("people see %s, want %s", got, before)
	}
	relay.must("reproject", "--resume")
	server.send(moved)
	settled(t, db)
	relay.must("verify")
	checkNothingLeftOver(t, relay)
}
