package app_test

import (
	"strings"
	"testing"
	"time"
)

// TestSmallPayloadsOfGiantNumbers: some kilobytes of exponents, written out,
// are more than anybody can hold. They stop nothing, and live is replay.
func TestSmallPayloadsOfGiantNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	giant := "[" + strings.Repeat("1e131071,", 5000) + "0]"
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	send := func(bodies ...string) {
		w.append(t, at, "/connector/segment", bodies...)
		w.drain(t)
	}
	send(`{"type":"identify","userId":"giant","traits":{"n":` + giant + `}}`)
	send(`{"type":"identify","userId":"giant","traits":{"m":1}}`,
		`{"type":"track","userId":"a","messageId":"giant","event":"E","properties":{"n":`+giant+`}}`,
		`[{"type":"identify","userId":"a","traits":{"email":"a@b.cd"}},{"type":"track","userId":"a","messageId":"after","event":"E"}]`)
	if got := strings.Join(w.rows(t, `SELECT message_id FROM relay.events ORDER BY 1`), " "); got != "after giant" {
		t.Errorf("events %s", got)
	}
	if got := strings.Join(w.rows(t, `SELECT distinct_id || ' ' || (properties ? 'm') FROM relay.profiles ORDER BY 1`), ", "); got != "a false, giant true" {
		t.Errorf("profiles %s", got)
	}
	w.verify(t)
}

// TestWhatTheDatabaseRefuses: an entry that the database will not hold is passed
// over with an issue, live and in a replay, and its neighbours stand.
func TestWhatTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refuse := func() {
		t.Helper()
		for _, g := range w.rows(t, `SELECT 'relay_store.' || CASE projection WHEN 'events' THEN 'events' ELSE 'profiles' END || '_g' || id FROM relay_store.generations WHERE status <> 'former'`) {
			// A check stands for a limit of the server's own, with its SQLSTATE.
			_, err := w.db.Exec(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.properties ? 'refuse' THEN RAISE EXCEPTION 'too large' USING ERRCODE = 'program_limit_exceeded'; END IF; RETURN NEW;
END $$; CREATE TRIGGER refuse BEFORE INSERT ON ` + g + ` FOR EACH ROW EXECUTE FUNCTION refuse()`)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	refuse()
	w.append(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "/connector/segment",
		`{"type":"track","userId":"a","messageId":"before","event":"E"}`,
		`{"type":"track","userId":"a","messageId":"refused","event":"E","properties":{"refuse":1}}`,
		`{"type":"identify","userId":"refused","traits":{"refuse":1}}`,
		`[{"type":"identify","userId":"a","traits":{"email":"a@b.cd"}},{"type":"track","userId":"a","messageId":"after","event":"E"}]`)
	w.drain(t)
	if got := strings.Join(w.rows(t, `SELECT message_id FROM relay.events ORDER BY 1`), " "); got != "after before" {
		t.Errorf("events %s", got)
	}
	if got := strings.Join(w.rows(t, `SELECT distinct_id FROM relay.profiles`), " "); got != "a" {
		t.Errorf("profiles %s", got)
	}
	if got := strings.Join(w.rows(t, `SELECT code || ' ' || count || ' ' || example_offset FROM relay.issues`), " "); got != "not_storable 2 2" {
		t.Errorf("issues %s", got)
	}
}

// TestManyUnusableCalls: a body of millions of nothings costs no more than a
// body, and all of them are counted.
func TestManyUnusableCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "/connector/segment",
		`[{"type":"track","userId":"a","event":"E"}`+strings.Repeat(",0", 1_000_000)+`]`)
	w.drain(t)
	if got := strings.Join(w.rows(t, `SELECT code || ' ' || count FROM relay.issues`), " "); got != "not_an_object 1000000" {
		t.Errorf("issues %s", got)
	}
	w.verify(t)
}
