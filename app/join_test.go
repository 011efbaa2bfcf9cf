package app_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/domain/profile"
)

// TestRandomIdentities: with shared devices, claims and aliases that come late,
// chains and cycles, and identity switched on and off for the future and for the
// past, and people erased at any time, what is served is what a plain fold of the
// log gives and what a replay gives, and another generation that follows the log
// in other steps gets the same rows.
func TestRandomIdentities(t *testing.T) { inParallel(t, 4, randomIdentities) }

func randomIdentities(t *testing.T) { identitiesIn(t, newWorld(t), 1) }

// identitiesIn holds the law against one in so many histories, in a world that may
// have more projections than the two.
func identitiesIn(t *testing.T, w *world, oneIn int, more ...string) {
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(1, oneIn).Draw(t, "one in some") > 1 {
			return
		}
		w.reset(t)
		shadow, ledger := newShadow(more...), newLedger()
		w.maxRows = rapid.IntRange(1, 9).Draw(t, "rows a batch")
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		erasing, erasures := rapid.Bool().Draw(t, "people are erased"), [2]string{"payloads", "mapping"}
		if erasing {
			erasures = [2]string{"forget", "delete"}
		}
		stop, live := func() {}, rapid.Bool().Draw(t, "live all the while")
		if live {
			stop = w.live(t)
		}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "seconds")) * time.Second)
			switch rapid.SampledFrom([]string{"payloads", "payloads", "payloads", "mapping", "mapping", "replay", "undo", erasures[0], erasures[1]}).Draw(t, "step") {
			case "payloads":
				w.append(t, at, "/connector/segment", rapid.SliceOfN(linkedBodyGen, 1, 8).Draw(t, "bodies")...)
			case "mapping":
				spec := joinSpecGen.Draw(t, "spec")
				if applied := w.apply(t, spec); applied.Changed {
					shadow.applied(applied.Version, applied.Offset, spec)
				}
			case "replay":
				if erasing && rapid.Bool().Draw(t, "somebody is erased meanwhile") {
					w.known(t, live)
					w.meanwhile = ledger.forgetLater(t, w, linkedPeople)
				}
				w.replay(t, shadow)
				w.meanwhile = nil
			case "forget":
				w.known(t, live)
				ledger.forget(t, w, drawPerson(t, linkedPeople))
			case "delete":
				e := w.sendDelete(t, at, drawPerson(t, linkedPeople), linkedCallGen, linkedBodyGen)
				w.known(t, live)
				ledger.forget(t, w, e)
			case "undo":
				if w.undo(t) {
					shadow.undone()
				}
			}
		}
		stop()
		w.drain(t)
		ledger.check(t, w)
		shadow.check(t, w)
		if erasing && rapid.Bool().Draw(t, "somebody is erased while it is verified") {
			w.meanwhile = ledger.forgetLater(t, w, linkedPeople)
		}
		w.verify(t)
		w.meanwhile = nil
		ledger.check(t, w)
		shadow.check(t, w)
		w.maxRows = rapid.IntRange(1, 9).Draw(t, "rows a batch of the other")
		w.followAside(t)
	})
}

// known lets the live projections take in what the log says of ids, without
// which nobody can be erased.
func (w *world) known(t tb, live bool) {
	t.Helper()
	if live {
		w.settle(t)
	} else {
		w.drain(t)
	}
}

// joined makes a world whose mapping joins ids, after the bodies were sent.
func joined(t *testing.T, before ...string) (*world, func(bodies ...string)) {
	t.Helper()
	w := newWorld(t)
	send := func(bodies ...string) {
		t.Helper()
		w.append(t, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), "/connector/segment", bodies...)
		w.drain(t)
	}
	send(before...)
	spec := mapping.Default()
	spec.Identity = mapping.Join
	w.apply(t, spec)
	return w, send
}

const (
	personSQL = `SELECT distinct_id || ' ' || properties FROM relay.profiles ORDER BY 1`
	eventsSQL = `SELECT message_id || ' ' || coalesce(distinct_id, '-') FROM relay.events ORDER BY message_id`
)

func (w *world) want(t *testing.T, query string, want ...string) {
	t.Helper()
	if got := w.rows(t, query); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q: %s", got, want, query)
	}
}

// TestJoinFindsThePast: what anonymous ids said before a mapping joined any ids
// counts from then on, however much there is, each issue once.
func TestJoinFindsThePast(t *testing.T) {
	t.Parallel()
	var before []string
	for i := range 5000 {
		before = append(before, fmt.Sprintf(`[{"type":"identify","anonymousId":"a%d","traits":{"n":%d,"email":"bad"}},{"type":"track","anonymousId":"a%d","messageId":"m%04d","event":"E"}]`, i%3, i, i%3, i))
	}
	before = append(before, `{"type":"identify","userId":"u","traits":{"email":"bad"}}`)
	w, send := joined(t, before...)
	w.want(t, `SELECT detail || ' ' || count FROM relay.issues`, "trait email: "+profile.Email.Wants()+" 1")
	send(`{"type":"track","userId":"u","anonymousId":"a1","messageId":"now","event":"E"}`)
	w.want(t, personSQL, `u {"n": 4999, "email": "bad"}`)
	w.want(t, `SELECT coalesce(distinct_id, '-') || ' ' || count(*) FROM relay.events GROUP BY distinct_id ORDER BY 1`, "- 3333", "u 1668")
	w.want(t, `SELECT detail || ' ' || count FROM relay.issues`, "trait email: "+profile.Email.Wants()+" 5001")
	w.followAside(t)
}

// TestMovesTwiceInABatch: an earlier claim takes an anonymous id from its owner
// in the batch in which the owner is aliased.
func TestMovesTwiceInABatch(t *testing.T) {
	t.Parallel()
	w, send := joined(t)
	send(`{"type":"track","userId":"u1","anonymousId":"a","timestamp":"2026-01-01T10:00:00Z","messageId":"1","event":"E"}`,
		`{"type":"identify","anonymousId":"a","traits":{"n":1}}`, `{"type":"track","anonymousId":"a","messageId":"2","event":"E"}`)
	w.want(t, personSQL, `u1 {"n": 1}`)
	send(`{"type":"track","userId":"u0","anonymousId":"a","timestamp":"2026-01-01T09:00:00Z","messageId":"3","event":"E"}`,
		`{"type":"alias","previousId":"u1","userId":"u2"}`)
	w.want(t, personSQL, `u0 {"n": 1}`)
	w.want(t, eventsSQL, "1 u2", "2 u0", "3 u0")
	w.followAside(t)
}

// TestAliasTakenBack: an alias that was observed earlier comes late and leads
// elsewhere; what the former one had joined comes apart again.
func TestAliasTakenBack(t *testing.T) {
	t.Parallel()
	w, send := joined(t)
	send(`{"type":"identify","userId":"u1","traits":{"a":1}}`, `{"type":"identify","userId":"u2","traits":{"b":2}}`,
		`{"type":"identify","userId":"u3","traits":{"c":3}}`,
		`{"type":"alias","previousId":"u1","userId":"u2","timestamp":"2026-01-01T10:00:00Z"}`)
	w.want(t, personSQL, `u2 {"a": 1, "b": 2}`, `u3 {"c": 3}`)
	send(`{"type":"alias","previousId":"u1","userId":"u3","timestamp":"2026-01-01T09:00:00Z"}`)
	w.want(t, personSQL, `u2 {"b": 2}`, `u3 {"a": 1, "c": 3}`)
	send(`{"type":"alias","previousId":"u3","userId":"u1"}`)
	w.want(t, personSQL, `u1 {"a": 1, "c": 3}`, `u2 {"b": 2}`)
	w.followAside(t)
}

// TestJoinWaitsForNoReader: somebody who reads a view in a long transaction
// keeps it as it is, and keeps no projection from going on; when they are
// through, the next batch shows it.
func TestJoinWaitsForNoReader(t *testing.T) {
	t.Parallel()
	w, send := joined(t, `{"type":"track","anonymousId":"a","messageId":"1","event":"E"}`)
	tx, err := w.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // it changed nothing
	if _, err := tx.Exec(`SELECT FROM relay.events`); err != nil {
		t.Fatal(err)
	}
	send(`{"type":"track","userId":"u","anonymousId":"a","messageId":"2","event":"E"}`)
	w.want(t, eventsSQL, "1 -", "2 u")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	send(`{"type":"track","userId":"u","messageId":"3","event":"E"}`)
	w.want(t, eventsSQL, "1 u", "2 u", "3 u")
}

// TestPersonsRowsByIndex: the rows of a person are found by indexes also where
// ids are joined, whichever of the ids they came with.
func TestPersonsRowsByIndex(t *testing.T) {
	t.Parallel()
	w, send := joined(t)
	var bodies []string
	for i := range 3000 {
		bodies = append(bodies, fmt.Sprintf(`[{"type":"track","userId":"u%[1]d","anonymousId":"a%[1]d","event":"E"},{"type":"track","anonymousId":"a%[1]d","event":"E"},
{"type":"identify","userId":"u%[1]d","traits":{"email":"a@b.cd"}},{"type":"alias","previousId":"old%[1]d","userId":"u%[1]d"}]`, i))
	}
	send(bodies...)
	if _, err := w.db.Exec(`ANALYZE`); err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"events", "profiles", "profile_channels", "identities"} {
		if n := w.rows(t, `SELECT count(*) FROM relay.`+view+` WHERE distinct_id = 'u7'`); n[0] == "0" {
			t.Errorf("%s has no row of the person", view)
		}
		plan := strings.Join(w.rows(t, `EXPLAIN SELECT * FROM relay.`+view+` WHERE distinct_id = 'u7'`), "\n")
		if regexp.MustCompile(`Seq Scan on (events|profiles|channels|claims|aliases)_g`).MatchString(plan) {
			t.Errorf("%s is read from end to end:\n%s", view, plan)
		}
	}
}

// followAside lets a generation of each projection follow the log from its
// beginning, and compares it with the served one.
func (w *world) followAside(t tb) {
	t.Helper()
	for _, p := range w.all {
		if err := w.followOneAside(context.Background(), p); err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
	}
}

func (w *world) followOneAside(ctx context.Context, p app.Projection) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	generations := tables.Generations{}
	var served app.Generation
	var aside int64
	err := w.database.InTx(ctx, func(tx app.Tx) (err error) {
		if served, err = generations.Serving(ctx, tx, p.Name); err != nil {
			return err
		}
		if aside, err = generations.Create(ctx, tx, app.Generation{Projection: p.Name, Parts: p.Parts}); err != nil {
			return err
		}
		if err = p.Tables.Schema.Create(ctx, tx, aside, false); err != nil {
			return err
		}
		return p.Tables.Schema.Index(ctx, tx, aside)
	})
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	if served.Checkpoint == 0 {
		stop()
	}
	err = w.projector().Follow(following, p, aside, nil, func(r eventlog.Range) {
		if r.UpTo == served.Checkpoint {
			stop()
		}
	})
	if err != nil {
		return err
	}
	return w.database.InTx(ctx, func(tx app.Tx) error {
		differences, n, err := p.Tables.Comparing.Compare(ctx, tx, served.ID, aside, 20)
		if err == nil && n > 0 {
			err = fmt.Errorf("%d differences: %+v", n, differences)
		}
		if err != nil {
			return err
		}
		if differences, n, err = (tables.Issues{}).CompareIssues(ctx, tx, served.ID, aside, 20); err == nil && n > 0 {
			err = fmt.Errorf("%d differences in issues: %+v", n, differences)
		}
		if err != nil {
			return err
		}
		if err := p.Tables.Schema.Drop(ctx, tx, aside); err != nil {
			return err
		}
		return generations.Delete(ctx, tx, aside)
	})
}

var joinSpecGen = rapid.Custom(func(t *rapid.T) mapping.Spec {
	s := specGen.Draw(t, "spec")
	s.Identity = rapid.SampledFrom([]mapping.Identity{mapping.Off, mapping.Join, mapping.Join}).Draw(t, "identity")
	return s
})

// linkedBodyGen makes payloads of a few people with a few devices.
var linkedBodyGen = rapid.Custom(func(t *rapid.T) string {
	calls := rapid.SliceOfN(linkedCallGen, 1, 3).Draw(t, "calls")
	if len(calls) == 1 {
		return calls[0]
	}
	return "[" + strings.Join(calls, ",") + "]"
})

var linkedCallGen = rapid.Custom(func(t *rapid.T) string {
	kind := rapid.SampledFrom([]string{"identify", "identify", "identify", "track", "page", "group", "alias", "alias", "delete"}).Draw(t, "type")
	members := []string{`"type":"` + kind + `"`}
	add := func(name string, values ...string) {
		if v := rapid.SampledFrom(values).Draw(t, name); v != "" {
			members = append(members, `"`+name+`":`+v)
		}
	}
	users := []string{`"u1"`, `"u2"`, `"u3"`, `"u4"`, `"x"`, `"\u0000"`}
	if kind == "alias" {
		add("userId", users...)
		add("previousId", append(users, `"a1"`)...)
	} else {
		add("userId", append(users, "", "", "")...)
		add("anonymousId", `"a1"`, `"a2"`, `"a3"`, `"x"`, "")
	}
	add("event", `"E"`)
	add("timestamp", `"2025-12-01T00:00:00Z"`, `"2025-12-02T00:00:00Z"`, `"2025-12-03T00:00:00Z"`, `"2025-12-04T00:00:00Z"`, `"bad"`, "")
	if kind == "identify" && rapid.Bool().Draw(t, "has traits") {
		members = append(members, `"traits":`+traitsGen.Draw(t, "traits"))
	}
	return "{" + strings.Join(members, ",") + "}"
})
