package app_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/domain/mapping"
)

// viewsSQL are the rows that people query, but for the mapping version.
const viewsSQL = `SELECT 'profile ' || p::text FROM relay.profiles p
UNION ALL SELECT 'channel ' || c::text FROM relay.profile_channels c
UNION ALL SELECT 'event ' || (to_jsonb(e) - 'mapping_version')::text FROM relay.events e
UNION ALL SELECT 'identity ' || i::text FROM relay.identities i
UNION ALL SELECT 'issue ' || i::text FROM relay.issues i ORDER BY 1`

// TestSwitchingJoinOffAndOn: where joining is switched off for the past and on
// again, the rows are as they were each time.
func TestSwitchingJoinOffAndOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(0, 9).Draw(t, "one in ten") > 0 {
			return // a check takes a while
		}
		w.reset(t)
		w.maxRows = rapid.IntRange(1, 9).Draw(t, "rows a batch")
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		w.append(t, at, "/connector/segment", rapid.SliceOfN(linkedBodyGen, 1, 8).Draw(t, "bodies")...)
		spec := specGen.Draw(t, "spec")
		rows := map[mapping.Identity][]string{}
		for _, identity := range []mapping.Identity{mapping.Join, mapping.Off, mapping.Join, mapping.Off, mapping.Join} {
			spec.Identity = identity
			w.apply(t, spec)
			w.reproject(t, "beginning", w.all)
			w.drain(t)
			got := w.rows(t, viewsSQL)
			if before, known := rows[identity]; known && !slices.Equal(got, before) {
				t.Fatalf("identity %v again: the rows are\n%q\nand were\n%q", identity, got, before)
			}
			rows[identity] = got
		}
	})
}
