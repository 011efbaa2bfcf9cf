package main

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// holding returns the tables in which anything holds the text.
func holding(t *testing.T, db *sql.DB, needle string) string {
	t.Helper()
	var found []string
	tables := text(t, db, `SELECT string_agg(c.oid::regclass::text, ',') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('relay', 'relay_store') AND c.relkind = 'r'`)
	for _, table := range strings.Split(tables, ",") {
		query := fmt.Sprintf(`SELECT count(*) FROM %s t WHERE position($1 IN t::text) > 0 OR position($2 IN t::text) > 0`, table)
		if text(t, db, query, needle, hex.EncodeToString([]byte(needle))) != "0" {
			found = append(found, table)
		}
	}
	return strings.Join(found, ", ")
}

// postTo sends a body to a route, as a library of Segment's does.
func (s *serving) postTo(route, body string, zipped bool) int {
	s.t.Helper()
	content := []byte(body)
	if zipped {
		var buffer bytes.Buffer
		w := gzip.NewWriter(&buffer)
		if _, err := w.Write(content); err != nil || w.Close() != nil {
			s.t.Fatal(err)
		}
		content = buffer.Bytes()
	}
	request, err := http.NewRequest("POST", s.address+route, bytes.NewReader(content))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testKey)
	if zipped {
		request.Header.Set("Content-Encoding", "gzip")
	}
	reply, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	reply.Body.Close()
	return reply.StatusCode
}

// sendShared sends calls of milton and of bill in payloads of all shapes.
func (s *serving) sendShared() {
	s.t.Helper()
	for route, bodies := range map[string][]string{
		"/v1/track":    {`{"userId":"milton-77","event":"Stapled","properties":{"desk":"milton-77"}}`, `{"userId":"bill","event":"Smiled"}`},
		"/v1/identify": {` {"userId":"milt\u006fn-77","traits":{"email":"milton-77@example.com","phone":"nothing"}} `},
		"/v1/alias":    {`{"userId":"bill","previousId":"milton-77"}`},
		"/v1/batch": {`{"batch":[{"type":"track","messageId":"b1","userId":"milton-77","event":"Shared"}, {"type":"track","messageId":"b2","userId":"bill","event":"Shared"} ],"context":{"library":"go"}}`,
			`{"batch":[{"type":"page","userId":"milton-77"}],"context":{"ip":"milton-77"}}`},
		"/connector/segment": {`[{"type":"identify","userId":"bill","traits":{"email":"bill@example.com"}},{"type":"identify","userId":"milton-77","traits":{"n":1}},{"type":"nope","userId":"milton-77"}]`},
	} {
		for i, body := range bodies {
			if status := s.postTo(route, body, i%2 == 1); status != 200 {
				s.t.Fatalf("%s %s: status %d", route, body, status)
			}
		}
	}
	s.send(`[{"type":"track","messageId":"b1","userId":"bill","event":"Late"}]`)
	if status := s.postTo("/v1/track", `{"userId":"milton-77","event":`, false); status != 400 {
		s.t.Fatalf("not JSON: status %d", status)
	}
}

// TestForgetAndExport: a person can be exported, and erased so that nothing in
// the database tells of them, while the others' calls stay as they came.
func TestForgetAndExport(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.sendShared()
	settled(t, db)
	kinds := map[string]int{}
	for line := range strings.Lines(relay.must("export", "milton-77")) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[row["kind"].(string)]++
		if row["kind"] == "call" && row["call"] == nil {
			t.Errorf("a call without content: %s", line)
		}
	}
	if want := map[string]int{"profile": 1, "channel": 1, "event": 2, "call": 7, "rejected": 1}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("exported %v, want %v", kinds, want)
	}
	relay.must("reproject", "--from", "beginning") // so that there are former rows
	bill := text(t, db, `SELECT string_agg(payload::text, ' ' ORDER BY log_offset) FROM relay.payloads WHERE position('milt' IN convert_from(payload, 'UTF8')) = 0`)
	out := relay.must("forget", "milton-77", "--json")
	if !strings.Contains(out, `"calls": 7`) || !strings.Contains(out, `"payloads": 6`) || !strings.Contains(out, `"rejected": 1`) {
		t.Errorf("forget printed %s", out)
	}
	for _, needle := range []string{"milton-77", `milt\u006fn`} {
		if tables := holding(t, db, needle); tables != "" {
			t.Errorf("after forget, %q is in %s", needle, tables)
		}
	}
	if got := text(t, db, `SELECT string_agg(payload::text, ' ' ORDER BY log_offset) FROM relay.payloads WHERE position('null' IN convert_from(payload, 'UTF8')) = 0`); got != bill {
		t.Errorf("bill's own payloads changed: %s, want %s", got, bill)
	}
	if got := text(t, db, `SELECT event_name FROM relay.events WHERE message_id = 'b1'`); got != "Late" {
		t.Errorf("the event that an erased one had stood before is %q", got)
	}
	if got := text(t, db, `SELECT count(*) FROM relay.requests r JOIN relay.payloads p USING (log_offset)`); got != "8" {
		t.Errorf("%s payloads are in the views, want 8", got)
	}
	relay.must("verify")
	relay.must("reproject", "--undo")
	relay.must("verify")
	if tables := holding(t, db, "milton-77"); tables != "" {
		t.Errorf("after undo, the person is in %s", tables)
	}
	for _, id := range []string{"milton-77", "not UTF-8: \xff"} {
		if _, errOut, status := relay.run("export", id); status != 1 || !strings.Contains(errOut, "not found") {
			t.Errorf("export of nobody: status %d, %s", status, errOut)
		}
	}
	if _, _, status := relay.run("forget"); status != 2 {
		t.Errorf("forget nobody: status %d", status)
	}
}

// TestDeleteCallsErase: a delete call erases its person up to itself, and what
// comes after it is new; it can be switched off.
func TestDeleteCallsErase(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve("--erase-on-delete=false")
	db := relay.open()
	server.send(`[{"type":"identify","userId":"milton-77","traits":{"old":1}},{"type":"delete","userId":"milton-77"},{"type":"identify","userId":"milton-77","traits":{"new":1}}]`)
	settled(t, db)
	if got := text(t, db, `SELECT properties FROM relay.profiles`); got != `{"new": 1, "old": 1}` {
		t.Errorf("with erasing switched off: %s", got)
	}
	server.stop()
	server = relay.serve()
	const properties = `SELECT properties FROM relay.profiles WHERE distinct_id = 'milton-77'`
	waitFor(t, "the delete call to be honoured", func() bool { return text(t, db, properties) == `{"new": 1}` })
	if got := text(t, db, `SELECT convert_from(payload, 'UTF8') FROM relay.payloads`); got != `[null,null,{"type":"identify","userId":"milton-77","traits":{"new":1}}]` {
		t.Errorf("the log holds %s", got)
	}
	server.send(`{"type":"delete","userId":"milton-77"}`)
	waitFor(t, "the second delete call to be honoured", func() bool { return holding(t, db, "milton-77") == "" })
	settled(t, db)
	relay.must("verify")
}

// TestSuppress: calls of a suppressed person are acknowledged and dropped.
func TestSuppress(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	if out := relay.must("forget", "milton-77", "--suppress"); !strings.Contains(out, "later calls of the person are dropped") {
		t.Errorf("forget --suppress printed %s", out)
	}
	server.send(`{"type":"identify","userId":"milton-77"}`)
	server.send(`[{"type":"track","userId":"milton-77","event":"E"},{"type":"track","userId":"bill","event":"E"}]`)
	if status, reply := server.post(`[{"userId":"milton-77"},7]`); status != 400 || !strings.Contains(reply, "no_usable_call") {
		t.Errorf("nothing usable beside: %d %s", status, reply)
	}
	settled(t, db)
	if tables := holding(t, db, "milton-77"); tables != "" {
		t.Errorf("the person is in %s", tables)
	}
	if got := text(t, db, `SELECT string_agg(convert_from(payload, 'UTF8'), ' ') FROM relay.payloads`); got != `[null,{"type":"track","userId":"bill","event":"E"}]` {
		t.Errorf("the log holds %s", got)
	}
	waitFor(t, "the dropped request to be on record", func() bool {
		return text(t, db, `SELECT count(*) FROM relay.requests WHERE status = 200 AND code = 'suppressed' AND log_offset IS NULL`) == "1"
	})
	waitFor(t, "the dropped calls to be counted", func() bool { return text(t, db, `SELECT hits FROM relay_store.suppressed`) == "3" })
	relay.must("verify")
	relay.must("forget", "--unsuppress", "milton-77")
	if _, errOut, status := relay.run("forget", "--unsuppress", "milton-77"); status != 1 || !strings.Contains(errOut, "not suppressed") {
		t.Errorf("unsuppress twice: status %d, %s", status, errOut)
	}
	waitFor(t, "calls of the person to be accepted again", func() bool {
		server.send(`{"type":"identify","userId":"milton-77"}`)
		return text(t, db, `SELECT count(*) FROM relay.profiles`) == "1"
	})
}

// TestKilledForget: a person is erased wholly or not at all, however often relay
// forget is killed while payloads come in.
func TestKilledForget(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.sendMany(20_000, 50)
	settled(t, db)
	started := time.Now()
	relay.must("forget", "u1")
	took := time.Since(started)
	const left = `SELECT (SELECT count(*) FROM relay.profiles WHERE distinct_id = $1) || ' ' || (SELECT count(*) FROM relay.events WHERE distinct_id = $1)
|| ' ' || (SELECT count(*) FROM relay.payloads WHERE position('"' || $1 || '"' IN convert_from(payload, 'UTF8')) > 0)`
	killed := 0
	for n := 2; n < 8; n++ {
		id := fmt.Sprintf("u%d", n)
		before := text(t, db, left, id)
		for relay.killAfter(time.Duration(rand.Int64N(int64(took)*6/5)), true, "forget", id) != 0 {
			killed++
			if got := text(t, db, left, id); got != before && got != "0 0 0" {
				t.Fatalf("after a kill %s of %s is left, of %s", got, id, before)
			}
		}
		if got := text(t, db, left, id); got != "0 0 0" {
			t.Fatalf("%s of %s is left", got, id)
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	relay.must("verify")
}

// TestForgetWhileReprojecting: who is erased while a re-projection waits to
// switch, or a dry run builds, is not in what it serves or shows.
func TestForgetWhileReprojecting(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.sendMany(4_000, 50)
	settled(t, db)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	reader := execer(t, db)
	if err := reader.Exec(`SELECT count(*) FROM relay.profiles, relay.events LIMIT 1`); err != nil {
		t.Fatal(err)
	}
	wait := relay.watch(func(*os.Process, string) {}, "reproject", "--from", "beginning")
	ended := make(chan int, 1)
	go func() { ended <- wait() }()
	waitFor(t, "the re-projection to try to switch", func() bool {
		return text(t, db, `SELECT phase FROM relay.reprojections ORDER BY id DESC LIMIT 1`) == "switching"
	})
	relay.must("forget", "u7")
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if status := <-ended; status != 0 {
		t.Fatalf("the re-projection ended with status %d", status)
	}
	if got := text(t, db, `SELECT count(*) FROM relay.events WHERE event_name LIKE 'segment : %'`); got == "0" {
		t.Error("the re-projection changed nothing")
	}
	check := func(when string) {
		t.Helper()
		if tables := holding(t, db, `"u7"`) + holding(t, db, "u7-"); tables != "" {
			t.Errorf("%s the person is in %s", when, tables)
		}
		relay.must("verify")
	}
	check("after the re-projection")
	relay.must("reproject", "--undo")
	check("after undoing it")
	forgotten := false
	dry := relay.watch(func(_ *os.Process, line string) {
		if !forgotten && strings.HasPrefix(line, "loading") {
			forgotten = true
			relay.must("forget", "u8")
		}
	}, "reproject", "--from", "beginning", "--dry-run")
	if status := dry(); status != 0 || !forgotten {
		t.Errorf("the dry run: status %d, somebody was erased meanwhile: %v", status, forgotten)
	}
	relay.must("verify")
}

// TestForgetJoinedIDs: all ids of a person go, and what others share stays.
func TestForgetJoinedIDs(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "identity: join\n"))
	server.send(`[{"type":"track","anonymousId":"phone","event":"Looked"},{"type":"identify","userId":"milton-77","anonymousId":"phone","traits":{"desk":"basement"}},
{"type":"alias","previousId":"milton-77","userId":"milton"},{"type":"track","userId":"nina","anonymousId":"phone","event":"Called"}]`)
	settled(t, db)
	if out := relay.must("export", "milton"); strings.Count(out, `"kind":"call"`) != 3 {
		t.Errorf("export printed %s", out)
	}
	relay.must("forget", "milton")
	settled(t, db)
	const left = `SELECT (SELECT count(*) FROM relay.profiles) || ' ' || (SELECT string_agg(event_name || ' ' || distinct_id, ',') FROM relay.events) || ' ' || (SELECT string_agg(id || ' ' || distinct_id, ',') FROM relay.identities)`
	if got := text(t, db, left); got != "0 Called nina phone nina" {
		t.Errorf("left are %s", got)
	}
	if got := text(t, db, `SELECT string_agg(convert_from(payload, 'UTF8'), '') FROM relay.log`); strings.Contains(got, "milton") || strings.Contains(got, "Looked") {
		t.Errorf("the log holds %s", got)
	}
	relay.must("verify")
	server.send(`[{"type":"identify","userId":"nina","traits":{"desk":"front"}},{"type":"delete","userId":"nina"}]`)
	waitFor(t, "the delete call to be honoured", func() bool {
		return text(t, db, `SELECT (SELECT count(*) FROM relay.profiles) + (SELECT count(*) FROM relay.events) + (SELECT count(*) FROM relay.identities)`) == "0"
	})
	relay.must("verify")
}

// visit sends what a visitor did before and after signing up, and what another
// person did on the same device.
func (s *serving) visit() {
	s.t.Helper()
	s.send(`[{"type":"track","anonymousId":"device-9","messageId":"v1","event":"Visited"},{"type":"identify","anonymousId":"device-9","traits":{"plan":"milton-plan"}}]`)
	s.send(`[{"type":"identify","userId":"milton-old","anonymousId":"device-9","traits":{"email":"milton-77@example.com"}},{"type":"track","userId":"bill","messageId":"b1","event":"Smiled"}]`)
	s.send(`{"type":"alias","previousId":"milton-old","userId":"milton-77"}`)
	s.send(`[{"type":"identify","userId":"bill","anonymousId":"device-9","traits":{"email":"bill@example.com"}},{"type":"track","userId":"milton-77","messageId":"m1","event":"Stapled"}]`)
}

// TestSuppressJoinedIDs: where the mapping joins ids, a person is exported, erased
// and suppressed with all of them, whichever is named, and what others share with
// the person is theirs from then on.
func TestSuppressJoinedIDs(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "identity: join\nchannels: {email: email}\nevents: [track]\n"))
	server.visit()
	settled(t, db)
	kinds := map[string]int{}
	for line := range strings.Lines(relay.must("export", "milton-old")) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[row["kind"].(string)]++
	}
	if want := map[string]int{"profile": 1, "channel": 1, "identity": 3, "event": 2, "call": 5}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("exported %v, want %v", kinds, want)
	}
	relay.must("reproject", "--from", "beginning") // so that there are former rows
	if out := relay.must("forget", "milton-old", "--suppress", "--json"); !strings.Contains(out, `"calls": 5`) {
		t.Errorf("forget printed %s", out)
	}
	check := func(when string) {
		t.Helper()
		if tables := holding(t, db, "milton"); tables != "" {
			t.Errorf("%s the person is in %s", when, tables)
		}
		if got := text(t, db, `SELECT string_agg(id || ' ' || kind || ' ' || distinct_id, ',') FROM relay.identities`); got != "device-9 anonymous bill" {
			t.Errorf("%s the identities are %s", when, got)
		}
		if got := text(t, db, `SELECT string_agg(message_id || ' ' || distinct_id, ',') FROM relay.events`); got != "b1 bill" {
			t.Errorf("%s the events are %s", when, got)
		}
		relay.must("verify")
	}
	check("after forget")
	relay.must("reproject", "--from", "beginning")
	check("after a re-projection")
	server.send(`[{"type":"track","userId":"milton-old","event":"E"},{"type":"track","anonymousId":"device-9","event":"E"},{"type":"alias","previousId":"milton-77","userId":"bill"}]`)
	settled(t, db)
	check("after calls of all the person's ids")
	relay.must("forget", "--unsuppress", "milton-77") // any of the user ids
	if got := text(t, db, `SELECT count(*) FROM relay_store.suppressed`); got != "0" {
		t.Errorf("%s ids are still suppressed", got)
	}
}
