package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"relay/adapters/postgres"
	"relay/app/ingest"
)

// TestSegmentLosesNothing sends as Segment's webhook does through everything
// that can go wrong here: nothing is dropped, and every event is there once.
func TestSegmentLosesNothing(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]int{"one by one": 0, "in batches": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			relay := newInstance(t)
			db := relay.open()
			as := credentials{secret: "shared secret"}
			as.key = strings.TrimSpace(relay.must("keys", "create", "segment", "--signing-secret-file", relay.writeFile("secret", as.secret+"\n")))
			address := fixedAddress(t)
			limit := fmt.Sprint(8 * 700 * max(1, batch)) // of 16 requests at once
			serve := func() *serving { return relay.serve("--listen", address, "--max-in-flight", limit) }

			server := serve()
			sender := newActions(t, server.address, as, batch)
			sender.await(100)
			relay.whileTheLogIsLocked(func() {
				sender.awaitReply(429)
				sender.awaitReply(503)
			})
			for range 3 {
				sender.await(100)
				server.kill()
				sender.awaitReply(0)
				server = serve()
			}
			sender.await(100)
			if status := server.stop(); status != 0 {
				t.Errorf("relay serve ended with status %d: %s", status, server.stderr)
			}
			sender.awaitReply(0)
			serve()
			sender.await(100)
			relay.withoutTheDatabase(func() { sender.awaitReply(503) })
			sender.await(100)
			sender.finish()

			settled(t, db)
			sender.check(db)
			relay.must("verify")
			t.Logf("%d events; replies by status: %v", len(sender.made), sender.seen)
		})
	}
}

// check proves that nothing was lost, and that each event is in the log, and
// once where people query.
func (a *actions) check(db *sql.DB) {
	a.t.Helper()
	if len(a.lost) > 0 {
		a.t.Errorf("%d events are lost: %.300s", len(a.lost), fmt.Sprint(a.lost))
	}
	var calls []sentCall
	for _, e := range a.made {
		kind := "track"
		if e.identify {
			kind = "identify"
		}
		calls = append(calls, sentCall{Type: kind, ID: e.id, Person: e.person})
	}
	checkCalls(a.t, db, calls)
}

// whileTheLogIsLocked keeps every append waiting while it does something.
func (i *instance) whileTheLogIsLocked(do func()) {
	i.t.Helper()
	tx, err := i.open().Begin()
	if err != nil {
		i.t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`LOCK TABLE relay.log IN SHARE MODE`); err != nil {
		i.t.Fatal(err)
	}
	do()
}

// withoutTheDatabase ends all connections to the database and lets none in
// while it does something.
func (i *instance) withoutTheDatabase(do func()) {
	i.t.Helper()
	server, name := i.openServer()
	allow := func(yes bool) {
		if _, err := server.Exec(fmt.Sprintf(`ALTER DATABASE %s WITH ALLOW_CONNECTIONS %v`, name, yes)); err != nil {
			i.t.Fatal(err)
		}
	}
	allow(false)
	defer allow(true)
	if _, err := server.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, name); err != nil {
		i.t.Fatal(err)
	}
	do()
}

// openServer connects to another database of the instance's server, and returns
// the name of the instance's own.
func (i *instance) openServer() (server *sql.DB, name string) {
	i.t.Helper()
	u, err := url.Parse(i.url)
	if err != nil {
		i.t.Fatal(err)
	}
	name = strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	server, err = postgres.Open(i.t.Context(), u.String(), 1)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { server.Close() })
	return server, name
}

// TestRotateWithoutLoss changes a key and then a signing secret while Segment
// sends.
func TestRotateWithoutLoss(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	server := relay.serve()
	secretFile := func(secret string) string { return relay.writeFile("secret", secret+"\n") }
	as := credentials{secret: "first secret"}
	as.key = strings.TrimSpace(relay.must("keys", "create", "segment", "--signing-secret-file", secretFile(as.secret)))
	sender := newActions(t, server.address, as, 0)
	sender.await(50)

	former := as
	as.key = strings.TrimSpace(relay.must("keys", "rotate", "segment"))
	sender.await(50) // with the former one
	sender.use(as)
	var keys []ingest.KeyInfo
	waitFor(t, "the list to show that the key in its place is used", func() bool {
		relay.json(&keys, "keys", "list", "--json")
		return len(keys) == 2 && keys[0].ReplacedAt != nil && keys[1].LastUsedAt != nil && keys[0].LastUsedAt.Before(*keys[1].LastUsedAt)
	})
	relay.must("keys", "revoke", "segment", "--replaced")
	sender.await(50)
	waitFor(t, "the revoked key to be refused", func() bool { return sender.send([]*forwarded{newForwarded(-1)}, former) == 401 })

	older := as
	relay.must("keys", "secrets", "add", "segment", "--signing-secret-file", secretFile("second secret"))
	as.secret = "second secret"
	sender.use(as)
	sender.await(50)
	var secrets []ingest.SigningSecretInfo
	waitFor(t, "the list to show that the second secret is used", func() bool {
		relay.json(&secrets, "keys", "secrets", "list", "segment", "--json")
		return len(secrets) == 2 && secrets[1].LastUsedAt != nil && secrets[0].LastUsedAt.Before(*secrets[1].LastUsedAt)
	})
	relay.must("keys", "secrets", "remove", "segment", fmt.Sprint(secrets[0].ID))
	sender.await(50)
	stray := newForwarded(-2)
	waitFor(t, "the removed secret to be refused", func() bool { return sender.send([]*forwarded{stray}, older) == 403 })
	sender.finish()
	settled(t, db)
	sender.check(db)
	if got := text(t, db, `SELECT string_agg(DISTINCT source, ',') FROM relay.events`); got != "segment" {
		t.Errorf("events of the sources %s, want segment alone", got)
	}
	if got := text(t, db, `SELECT string_agg(DISTINCT convert_from(body, 'UTF8'), ',') FROM relay.rejected`); got != stray.body {
		t.Errorf("kept as rejected: %s", got)
	}
}
