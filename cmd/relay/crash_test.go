package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKilledServeLosesNothing: what was acknowledged is there once, however
// often relay serve is killed.
func TestKilledServeLosesNothing(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	sent := &acknowledged{ids: map[string]bool{}}
	for round := range 4 {
		server := relay.serve()
		var wg sync.WaitGroup
		for sender := range 8 {
			wg.Go(func() { sent.sendUntilKilled(server, fmt.Sprintf("%d-%d", round, sender)) })
		}
		waitFor(t, "payloads to be acknowledged", func() bool { return sent.count() > (round+1)*200+rand.IntN(100) })
		server.kill()
		wg.Wait()
	}
	relay.serve()
	settled(t, db)
	for id := range sent.ids {
		if n := text(t, db, `SELECT count(*) FROM relay.events WHERE message_id = $1`, id); n != "1" {
			t.Errorf("message %s was acknowledged and is there %s times", id, n)
		}
	}
	relay.must("verify")
}

// acknowledged are the message ids of payloads that were answered with 200.
type acknowledged struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *acknowledged) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// sendUntilKilled sends payloads of one person until there is no reply.
func (a *acknowledged) sendUntilKilled(server *serving, person string) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s-%d", person, n)
		status, _ := server.post(fmt.Sprintf(`[{"type":"track","messageId":%q,"userId":%q,"event":"E"},{"type":"identify","userId":%q,"traits":{"n":%d}}]`, id, person, person, n))
		if status == 0 {
			return
		}
		if status == http.StatusOK {
			a.mu.Lock()
			a.ids[id] = true
			a.mu.Unlock()
		}
	}
}

// TestKilledReprojectChangesNothing kills relay reproject in each phase: the old
// rows are served all along, and the next run cleans up.
func TestKilledReprojectChangesNothing(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	var batch []string
	for i := range 4000 {
		batch = append(batch, fmt.Sprintf(`{"type":"track","messageId":"m%d","userId":"u%d","event":"E"}`, i, i%500),
			fmt.Sprintf(`{"type":"identify","userId":"u%d","traits":{"email":"u%d@example.com","n":%d}}`, i%500, i, i))
	}
	for n := 0; n < len(batch); n += 500 {
		server.send("[" + strings.Join(batch[n:n+500], ",") + "]")
	}
	settled(t, db)
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, []byte("event_prefix: \"new: \"\nchannels: {email: [email, mail]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	relay.must("mapping", "apply", file)
	old := text(t, db, `SELECT string_agg(DISTINCT event_name, ',') FROM relay.events`)
	for _, phase := range []string{"planning", "loading profiles", "indexing profiles", "loading events", "indexing events", "catching up", "switching"} {
		relay.killIn(phase)
		if got := text(t, db, `SELECT string_agg(DISTINCT event_name, ',') || count(*) FROM relay.events`); got != old+"4000" {
			t.Errorf("killed while %s: events are %s, want those of before", phase, got)
		}
	}
	relay.must("verify")
	relay.must("reproject", "--from", "beginning")
	if got := text(t, db, `SELECT string_agg(DISTINCT event_name, ',') || count(*) FROM relay.events`); got != "new: E4000" {
		t.Errorf("after a run that was not killed: %s", got)
	}
	relay.must("verify")
	checkNothingLeftOver(t, relay)
	if got := text(t, db, `SELECT count(*) FROM relay.reprojections WHERE status = 'failed' AND error LIKE 'the process that ran it%'`); got == "0" {
		t.Error("no killed run is on record as failed")
	}
}

// killIn starts a re-projection and kills it when it says that it is in the
// phase. A reader holds the views meanwhile, so that it cannot get further.
func (i *instance) killIn(phase string) {
	i.t.Helper()
	db := i.open()
	reader, err := db.Begin()
	if err != nil {
		i.t.Fatal(err)
	}
	defer reader.Rollback()
	if _, err := reader.Exec(`SELECT count(*) FROM relay.profiles, relay.events`); err != nil {
		i.t.Fatal(err)
	}
	killed := false
	wait := i.watch(func(process *os.Process, line string) {
		if !killed && (strings.HasPrefix(line, phase) || phase == "planning") {
			killed = true
			_ = process.Kill()
		}
	}, "reproject", "--from", "beginning")
	status := wait()
	if !killed || status == 0 {
		i.t.Errorf("the re-projection was to be killed while %s: killed %v, status %d", phase, killed, status)
	}
}

// checkNothingLeftOver: there are tables of the served generations, of those
// that the last re-projection took the place of, and of no others.
func checkNothingLeftOver(t *testing.T, relay *instance) {
	t.Helper()
	db := relay.open()
	left := text(t, db, `SELECT string_agg(relname, ', ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'relay_store' AND c.relkind IN ('r', 'p') AND c.relname ~ '_g[0-9]+(_|$)'
  AND substring(c.relname FROM '_g([0-9]+)')::bigint NOT IN (SELECT id FROM relay_store.generations WHERE status IN ('serving', 'former'))`)
	if left != "" {
		t.Errorf("tables left over: %s", left)
	}
	if old := text(t, db, `SELECT count(*) FROM relay_store.generations WHERE status = 'former' AND retired_by <> (SELECT max(id) FROM relay.reprojections WHERE status = 'done')`); old != "0" {
		t.Errorf("%s former generations of earlier re-projections are kept", old)
	}
}

// TestReadersNoticeNothing: people who query all the while see no error and
// never a mixture, and a long reader only delays the switch.
func TestReadersNoticeNothing(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	for i := range 50 {
		server.send(fmt.Sprintf(`[{"type":"track","messageId":"m%d","userId":"u%d","event":"E"},{"type":"identify","userId":"u%d"}]`, i, i, i))
	}
	settled(t, db)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var people, events int
				err := db.QueryRow(`SELECT (SELECT count(*) FROM relay.profiles), (SELECT count(*) FROM relay.events)`).Scan(&people, &events)
				if err != nil || people != 50 || events != 50 {
					t.Errorf("a reader saw %d people and %d events, %v", people, events, err)
					return
				}
			}
		})
	}
	for range 5 {
		relay.must("reproject", "--from", "beginning")
	}
	close(stop)
	wg.Wait()

	long, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := long.Exec(`SELECT count(*) FROM relay.events`); err != nil {
		t.Fatal(err)
	}
	ended := make(chan int, 1)
	wait := relay.watch(func(*os.Process, string) {}, "reproject", "--from", "beginning")
	go func() { ended <- wait() }()
	waitFor(t, "the re-projection to try to switch", func() bool {
		return text(t, db, `SELECT phase FROM relay.reprojections ORDER BY id DESC LIMIT 1`) == "switching"
	})
	for range 20 { // a reader that comes after the waiting switch is not held up for long
		started := time.Now()
		text(t, db, `SELECT count(*) FROM relay.events`)
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("a reader waited %v behind the switch", took)
		}
	}
	long.Rollback()
	if status := <-ended; status != 0 {
		t.Errorf("the re-projection ended with status %d after the long reader left", status)
	}
}
