package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"pgregory.net/rapid"

	"relay/adapters/postgres/logstore"
	"relay/app/replay"
	"relay/domain/mapping"
	"relay/projections"
)

// keepViews keeps what the views say, to be compared with what they say later.
const keepViews = `DROP TABLE IF EXISTS old_events, old_profiles, old_channels;
CREATE TABLE old_events AS TABLE relay.events; CREATE TABLE old_profiles AS TABLE relay.profiles; CREATE TABLE old_channels AS TABLE relay.profile_channels`

// changesSQL counts what has changed since, in the words of a dry run.
const changesSQL = `WITH events AS (
    SELECT a.message_id IS NULL AS added, b.message_id IS NULL AS removed, a.event_name <> b.event_name AS renamed,
           a.distinct_id IS DISTINCT FROM b.distinct_id AS moved,
           to_jsonb(a) - '{event_name,mapping_version,distinct_id}'::text[] <> to_jsonb(b) - '{event_name,mapping_version,distinct_id}'::text[] AS other
    FROM old_events a FULL JOIN relay.events b ON b.message_id = a.message_id
), people AS (
    SELECT distinct_id FROM old_profiles a FULL JOIN relay.profiles b USING (distinct_id) WHERE to_jsonb(a) IS DISTINCT FROM to_jsonb(b)
    UNION SELECT distinct_id FROM (TABLE old_channels EXCEPT TABLE relay.profile_channels) x
    UNION SELECT distinct_id FROM (TABLE relay.profile_channels EXCEPT TABLE old_channels) x
), settings AS (
    SELECT s.name, s.before, s.after FROM old_profiles a FULL JOIN relay.profiles b USING (distinct_id), LATERAL (VALUES
        ('languages', a.preferred_language, b.preferred_language), ('locales', a.locale, b.locale), ('time zones', a.timezone, b.timezone)) AS s(name, before, after)
), added AS (
    SELECT distinct_id, channel, value FROM relay.profile_channels EXCEPT SELECT distinct_id, channel, value FROM old_channels
), removed AS (
    SELECT distinct_id, channel, value FROM old_channels EXCEPT SELECT distinct_id, channel, value FROM relay.profile_channels
)
SELECT what || ' ' || n FROM (
    SELECT 'people changed' AS what, count(*) AS n FROM people
    UNION ALL SELECT 'people added', count(*) FROM relay.profiles WHERE distinct_id NOT IN (SELECT distinct_id FROM old_profiles)
    UNION ALL SELECT 'people removed', count(*) FROM old_profiles WHERE distinct_id NOT IN (SELECT distinct_id FROM relay.profiles)
    UNION ALL SELECT name || ' set', count(*) FROM settings WHERE after <> coalesce(before, '') GROUP BY name
    UNION ALL SELECT name || ' removed', count(*) FROM settings WHERE after IS NULL AND before IS NOT NULL GROUP BY name
    UNION ALL SELECT 'channel ' || channel || ': values added', count(*) FROM added GROUP BY channel
    UNION ALL SELECT 'channel ' || channel || ': values removed', count(*) FROM removed GROUP BY channel
    UNION ALL SELECT 'events renamed', count(*) FROM events WHERE renamed
    UNION ALL SELECT 'events added', count(*) FROM events WHERE added
    UNION ALL SELECT 'events removed', count(*) FROM events WHERE removed
    UNION ALL SELECT 'events of another person', count(*) FROM events WHERE moved AND NOT added AND NOT removed
    UNION ALL SELECT 'events changed in other ways', count(*) FROM events WHERE other
) counts WHERE n > 0 ORDER BY 1`

// TestDryRunsForetell: a dry run counts what a re-projection then changes and
// what it ignores, and one on a sample of everybody says the same.
func TestDryRunsForetell(t *testing.T) { dryRunsForetell(t, 5, specGen, bodyGen) }

// TestDryRunsForetellJoining: the same where mappings begin to join ids, end to,
// or join them as before, for the whole past or from somewhere on.
func TestDryRunsForetellJoining(t *testing.T) { dryRunsForetell(t, 10, joinSpecGen, linkedBodyGen) }

func dryRunsForetell(t *testing.T, oneIn int, specs *rapid.Generator[mapping.Spec], bodies *rapid.Generator[string]) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(1, oneIn).Draw(t, "one in some") > 1 {
			return // a check takes a while
		}
		w.reset(t)
		w.maxRows = 2000
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			w.append(t, at, "/connector/segment", rapid.SliceOfN(bodies, 1, 6).Draw(t, "bodies")...)
			w.apply(t, specs.Draw(t, "spec"))
		}
		w.drain(t)
		from := strconv.Itoa(rapid.IntRange(1, int(w.head(t))).Draw(t, "from"))
		w.foretells(t, from, w.dryRun(t, from))
	})
}

// TestDryRunsForetellTheEndOfJoining: the same where mappings joined ids and
// none does any more.
func TestDryRunsForetellTheEndOfJoining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(0, 9).Draw(t, "one in ten") > 0 {
			return // a check takes a while
		}
		w.reset(t)
		spec := specGen.Draw(t, "spec")
		spec.Identity = mapping.Join
		w.apply(t, spec)
		w.append(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "/connector/segment", rapid.SliceOfN(linkedBodyGen, 1, 8).Draw(t, "bodies")...)
		w.apply(t, specGen.Draw(t, "spec without joining"))
		w.drain(t)
		w.foretells(t, "1", w.dryRun(t, "1"))
	})
}

// foretells holds what a dry run says against what a re-projection then does.
func (w *world) foretells(t tb, from string, foretold replay.Preview) {
	t.Helper()
	w.exec(t, keepViews)
	before := w.issuesByCode(t)
	w.reproject(t, from, w.all)
	after := w.issuesByCode(t)
	var counts []string
	for _, p := range foretold.Projections {
		for _, c := range p.Counts {
			if c.Count > 0 {
				counts = append(counts, fmt.Sprintf("%s %d", c.What, c.Count))
			}
		}
		for _, i := range p.Issues {
			if key := p.Projection + " " + i.Code; before[key] != i.Before || after[key] != i.After {
				t.Fatalf("%s was ignored %d times, and is %d times; foretold: %+v", key, before[key], after[key], i)
			}
		}
	}
	w.showsAsSeen(t, foretold)
	slices.Sort(counts)
	if changed := w.rows(t, changesSQL); !slices.Equal(counts, changed) {
		t.Fatalf("the re-projection changed\n%q\nand the dry run foretold\n%q", changed, counts)
	}
}

// showsAsSeen: an example of an event that was added or removed is given once, as
// people see it.
func (w *world) showsAsSeen(t tb, foretold replay.Preview) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range foretold.Projections {
		for _, e := range p.Examples {
			if p.Projection != projections.Events || e.Served != "" && e.Rebuilt != "" {
				continue
			}
			view := "relay.events"
			if e.Rebuilt == "" {
				view = "old_events"
			}
			shown := pq.QuoteLiteral(e.Served+e.Rebuilt) + "::jsonb"
			rows := w.rows(t, `SELECT count(*)::text FROM `+view+` e WHERE message_id = `+pq.QuoteLiteral(e.Key)+` AND to_jsonb(e) @> `+shown+` AND `+shown+` ?& '{message_id,distinct_id}' AND NOT `+shown+` ? 'message_key'`)
			if seen[e.Key] || rows[0] != "1" {
				t.Fatalf("%s (seen before: %t) is shown as %s%s", e.Key, seen[e.Key], e.Served, e.Rebuilt)
			}
			seen[e.Key] = true
		}
	}
}

// dryRun returns what a dry run says, which is what one on a sample of
// everybody says.
func (w *world) dryRun(t tb, text string) replay.Preview {
	t.Helper()
	from, err := replay.ParseFrom(text, logstore.Reader{})
	if err != nil {
		t.Fatalf("from: %v", err)
	}
	whole := w.dryRunOnAll(t, text)
	sample, err := w.sampler().DryRun(context.Background(), from, everybody, w.all)
	if err != nil {
		t.Fatalf("dry run on a sample: %v", err)
	}
	for i, p := range sample.Projections {
		if p.Rebuild != (p.BasedOn != nil) {
			t.Fatalf("%s is based on %v", p.Projection, p.BasedOn)
		}
		sample.Projections[i].BasedOn = nil
	}
	if got, want := asJSON(t, sample), asJSON(t, whole); got != want {
		t.Fatalf("a dry run on a sample of everybody says\n%s\nand one on everything\n%s", got, want)
	}
	return whole
}

func (w *world) dryRunOnAll(t tb, text string) replay.Preview {
	t.Helper()
	from, err := replay.ParseFrom(text, logstore.Reader{})
	if err != nil {
		t.Fatalf("from: %v", err)
	}
	preview, err := w.checker().DryRun(context.Background(), from, w.all)
	if err != nil {
		t.Fatalf("dry run: %v", err)
	}
	return preview
}

func asJSON(t tb, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(text)
}

// issuesByCode counts what is ignored, by projection and code.
func (w *world) issuesByCode(t tb) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	for _, row := range w.rows(t, `SELECT g.projection || ' ' || i.code || '=' || sum(i.count) FROM relay_store.issues i
JOIN relay_store.generations g ON g.id = i.generation AND g.status = 'serving' GROUP BY g.projection, i.code`) {
		key, number, _ := strings.Cut(row, "=")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		counts[key] = n
	}
	return counts
}
