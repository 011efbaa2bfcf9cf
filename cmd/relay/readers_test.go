package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"relay/adapters/postgres"
	"relay/adapters/postgres/lookupstore"
)

// newRole returns a name that no role of the tests' server has, and drops the
// role after the test, where there is one.
func newRole(t *testing.T, db *sql.DB) string {
	t.Helper()
	name := fmt.Sprintf("role_%08x", rand.Uint32())
	t.Cleanup(func() {
		if _, err := db.Exec(fmt.Sprintf(`DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') THEN
ALTER DATABASE %[2]s OWNER TO CURRENT_USER; DROP OWNED BY %[1]s CASCADE; DROP ROLE %[1]s; END IF; END $$`, name, database(t, db))); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
	})
	return name
}

func database(t *testing.T, db *sql.DB) string {
	t.Helper()
	return text(t, db, `SELECT quote_ident(current_database())`)
}

// openAs connects by a connection string.
func openAs(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), strings.TrimSpace(url), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// checkReads fails unless the reader reads each public view, and nothing else.
func checkReads(t *testing.T, owner, reader *sql.DB) {
	t.Helper()
	views := strings.Fields(text(t, owner, `SELECT string_agg('relay.' || viewname, ' ' ORDER BY viewname) FROM pg_views WHERE schemaname = 'relay'`))
	for _, view := range views {
		if _, err := reader.Exec(`SELECT * FROM ` + view); err != nil {
			t.Errorf("%s: %v", view, err)
		}
	}
	if got := text(t, reader, `SELECT concat((SELECT count(*) FROM relay.profiles), ' ', (SELECT count(*) FROM relay.events), ' ', (SELECT string_agg(body ->> 'type', ' ' ORDER BY log_offset) FROM relay.payloads))`); got != "1 1 identify track" {
		t.Errorf("the reader sees %q", got)
	}
	may := func(what string) string {
		return text(t, owner, `SELECT string_agg(c.relnamespace::regnamespace || '.' || c.relname, ' ' ORDER BY c.relname) FROM pg_class c
WHERE c.relnamespace::regnamespace::text IN ('relay', 'relay_store', 'public') AND c.relkind IN ('r', 'v', 'p', 'm', 'S')
  AND has_table_privilege($1, c.oid, $2)`, text(t, reader, `SELECT current_user`), what)
	}
	if got := may("SELECT"); got != strings.Join(views, " ") || len(views) != 11 {
		t.Errorf("may read %s, want %v", got, views)
	}
	if got := may("INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"); got != "" {
		t.Errorf("may change %s", got)
	}
	for _, statement := range []string{`SELECT * FROM relay.log`, `SELECT * FROM relay_store.rejected`, `SELECT * FROM relay_store.admin_password`, `CREATE TABLE relay.x ()`, `CREATE TEMP TABLE x ()`} {
		if _, err := reader.Exec(statement); err == nil {
			t.Errorf("the reader may: %s", statement)
		}
	}
}

// TestReaders: a reader reads the public views and nothing else, before and after
// re-projections, until it is removed.
func TestReaders(t *testing.T) {
	t.Parallel()
	relay, _, db := toldStory(t)
	name := newRole(t, db)
	first := relay.must("readers", "create", name)
	reader := openAs(t, first)
	checkReads(t, db, reader)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping+"identity: join\n"))
	relay.must("reproject", "--from", "beginning")
	checkReads(t, db, reader)
	relay.must("reproject", "--undo")
	checkReads(t, db, reader)
	if _, err := db.Exec(`GRANT ALL ON relay.log, relay_store.rejected TO ` + name); err != nil {
		t.Fatal(err)
	}
	var made struct{ Name, URL string }
	relay.json(&made, "readers", "create", name, "--json")
	if _, err := postgres.Open(t.Context(), strings.TrimSpace(first), 1); err == nil {
		t.Error("the former password is accepted too")
	}
	checkReads(t, db, openAs(t, made.URL))
	if _, err := db.Exec(`REVOKE ALL ON relay.events FROM ` + name); err != nil { // as if a migration had made it anew
		t.Fatal(err)
	}
	if err := (lookupstore.SQLUsers{DB: db}).Regrant(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkReads(t, db, reader)
	if out := relay.must("readers", "list"); out != name+"\n" {
		t.Errorf("the list is %q", out)
	}
	relay.must("readers", "remove", name)
	if _, err := reader.Exec(`SELECT FROM relay.profiles`); err == nil {
		t.Error("who was removed reads on")
	}
	own := text(t, db, `SELECT current_user`)
	for args, want := range map[string]int{"create " + own: 1, "remove " + own: 1, "remove " + name: 1, "create": 2, "create pg_x": 2, "create Bad-Name": 2} {
		if _, errOut, status := relay.run(append([]string{"readers"}, strings.Fields(args)...)...); status != want {
			t.Errorf("relay readers %s: status %d, %s", args, status, errOut)
		}
	}
}

// TestReadersNeedARight: where relay's user may not make others, it is told what
// to do, and that helps.
func TestReadersNeedARight(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	owner, name := newRole(t, db), newRole(t, db)
	if _, err := db.Exec(fmt.Sprintf(`CREATE ROLE %[1]s LOGIN PASSWORD 'secret'; ALTER DATABASE %[2]s OWNER TO %[1]s`, owner, database(t, db))); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(relay.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(owner, "secret")
	relay.url = u.String()
	_, errOut, status := relay.run("readers", "create", name)
	if want := fmt.Sprintf(`ALTER ROLE "%s" CREATEROLE`, owner); status != 1 || !strings.Contains(errOut, want) {
		t.Errorf("status %d, no %q in %s", status, want, errOut)
	}
	server := relay.serve()
	if status, _, body := server.form("/settings", url.Values{"do": {"create-reader"}, "name": {name}}); status != 409 || !strings.Contains(body, "CREATEROLE") {
		t.Errorf("the console: %d, %s", status, body)
	}
	if _, err := db.Exec(`ALTER ROLE ` + owner + ` CREATEROLE`); err != nil {
		t.Fatal(err)
	}
	openAs(t, relay.must("readers", "create", name))
	relay.must("readers", "create", name)
	relay.must("readers", "remove", name)
}

// TestConsoleReaders: the console makes a reader, shows its connection string
// once, and removes it when the name was typed again.
func TestConsoleReaders(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	name := newRole(t, db)
	status, _, body := server.form("/settings", url.Values{"do": {"create-reader"}, "name": {name}})
	shown := regexp.MustCompile(`<pre id="reader-url"><code>([^<]*)</code>`).FindStringSubmatch(body)
	if status != 200 || shown == nil {
		t.Fatalf("made: %d, %s", status, body)
	}
	if got := text(t, openAs(t, shown[1]), `SELECT count(*) FROM relay.mapping_versions`); got != "1" {
		t.Errorf("the reader sees %s versions", got)
	}
	if _, body := server.ask("GET", "/settings", "", nil); strings.Contains(body, "reader-url") || !strings.Contains(body, "<li><code>"+name) {
		t.Errorf("the page afterwards: %s", body)
	}
	for confirm, want := range map[string]int{"x": 400, name: 200} {
		if status, _, body := server.form("/settings", url.Values{"do": {"remove-reader"}, "name": {name}, "confirm": {confirm}}); status != want {
			t.Errorf("confirmed by %q: %d, %s", confirm, status, body)
		}
	}
	if status, _, _ := server.form("/settings", url.Values{"do": {"create-reader"}, "name": {"Bad-Name"}}); status != 400 {
		t.Errorf("a bad name: %d", status)
	}
}
