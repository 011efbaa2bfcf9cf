package main

import (
	"io"
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"relay":                                         "relay",
		"relay serve --listen :0":                       "relay serve --listen :0",
		"relay serve --data-dir d --listen :0":          "relay --data-dir d serve --listen :0",
		"relay --data-dir=d serve":                      "relay --data-dir=d serve",
		"relay mapping apply f --note n --reproject":    "relay mapping apply --note n --reproject f",
		"relay mapping apply --reproject f":             "relay mapping apply --reproject f",
		"relay keys create web --json --database-url u": "relay --database-url u keys create --json web",
		"relay psql -- -c q --json":                     "relay psql -- -c q --json",
		"relay psql --data-dir d -- -c q":               "relay --data-dir d psql -- -c q",
		"relay log show 12 --json":                      "relay log show --json 12",
		"relay log show -12":                            "relay log show -- -12",
		"relay reproject --from -1":                     "relay reproject --from -1",
		"relay nope --x":                                "relay --x nope",
		"relay mapping --help":                          "relay mapping --help",
		"relay profiles show keys":                      "relay profiles show keys",
	} {
		if got := strings.Join(arrange(newApp(io.Discard, io.Discard), strings.Fields(given)), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", given, got, want)
		}
	}
}

// TestCommandLine: exit statuses, and where messages and data go.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	key := strings.TrimSpace(relay.must("keys", "create", "web", "--database-url", relay.url))
	if !strings.HasPrefix(key, "rk_") || strings.ContainsAny(key, " \n") {
		t.Errorf("keys create printed %q", key)
	}
	for _, c := range []struct {
		args   string
		status int
		stdout string
		stderr string
	}{
		{"--help", 0, "GLOBAL OPTIONS", ""}, {"mapping --help", 0, "rollback", ""}, {"reproject --help", 0, "--dry-run", ""},
		{"nope", 2, "", `no command "nope"`}, {"mapping nope", 2, "", `no command "nope"`}, {"status --nope", 2, "", "nope"},
		{"mapping apply", 2, "", "takes FILE"}, {"mapping apply a b", 2, "", "takes FILE"}, {"mapping show x", 2, "", "number from 1"},
		{"mapping show 9", 1, "", "version 9; the latest is 1"}, {"mapping apply /nowhere", 1, "", "/nowhere"}, {"reproject", 2, "", "--from"},
		{"reproject --from beginning --projection nope", 2, "", "profiles and events"},
		{"keys create web", 1, "", "exists already"}, {"keys create env", 1, "", "taken by relay"}, {"keys create a/b", 1, "", "letters"},
		{"keys list", 0, "web", ""}, {"keys list --json", 0, `"name": "web"`, ""}, {"keys revoke nope", 1, "", "not found"}, {"keys revoke web", 0, "", "Revoked"},
		{"profiles show nobody", 1, "", "not found"}, {"log show 99", 1, "", "not found"}, {"rejected show 99", 1, "", "not found"}, {"rejected retry 99", 1, "", "not found"},
		{"rejected list --json", 0, "[]", ""}, {"issues --json", 0, "[]", ""}, {"log tail --no-follow", 0, "", ""},
		{"migrate", 0, "up to date", ""}, {"url", 0, "postgres://", ""}, {"url --json", 0, `"url"`, ""}, {"mapping show", 0, "email: email", ""}, {"mapping show --json", 0, `"spec"`, ""},
		{"mapping history --json", 0, `"versions"`, ""}, {"mapping diff 1 1 --json", 0, "[]", ""}, {"mapping rollback 1", 0, "active already", ""}, {"status --json", 0, `"lag_rows": 0`, ""}, {"doctor --json", 1, "fsync", ""},
	} {
		stdout, stderr, status := relay.run(strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || c.status != 0 && c.stdout == "" && stdout != "" {
			t.Errorf("relay %s: status %d, want %d\nstdout: %sstderr: %s", c.args, status, c.status, stdout, stderr)
		}
	}
}

// TestEveryColumnHasAComment: people find out in psql what a column means.
func TestEveryColumnHasAComment(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	relay.must("migrate")
	db := relay.open()
	missing := text(t, db, `SELECT string_agg(c.relname || coalesce('.' || a.attname, ''), ', ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'relay'
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('v', 'p') AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)`)
	if missing != "" {
		t.Errorf("no comment on %s", missing)
	}
}
