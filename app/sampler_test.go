package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/replay"
	"relay/app/sample"
	"relay/domain/mapping"
	"relay/domain/segment"
)

// everybody is more people than any test has.
const everybody = 10_000

// people are the ids that the generators of histories use, and one that nobody
// has; linkedPeople those of histories in which ids are joined.
var (
	people       = []string{"u1", "u2", "3", "\ufffd", "nobody"}
	linkedPeople = []string{"u1", "u2", "u3", "u4", "x", "a1", "\ufffd", "nobody"}
)

func (w *world) sampler() *sample.Sampler {
	return &sample.Sampler{
		Store: w.store(), Scratch: w.database, Searcher: logstore.Searcher{}, Numbers: tables.Generations{}, Links: tables.Identities{},
		Workers: 2, BatchSize: w.batch, Report: w.meanwhile,
	}
}

// found returns the rows that a verification found to differ, issues aside, in
// order.
func found(t tb, results []replay.Verified, err error) (rows []app.Difference) {
	t.Helper()
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	for _, r := range results {
		if len(r.Examples) != r.Differences {
			t.Fatalf("%s: %d differences, of which %d are shown", r.Projection, r.Differences, len(r.Examples))
		}
		rows = append(rows, r.Examples...)
	}
	rows = slices.DeleteFunc(rows, func(d app.Difference) bool { return d.Table == "issues" })
	slices.SortFunc(rows, func(a, b app.Difference) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Key, b.Key), strings.Compare(a.Served, b.Served))
	})
	return rows
}

// checkParts holds what verifications of parts find against what one of
// everything finds, and returns that. A sample of everybody finds the same.
func (w *world) checkParts(t tb, people []string) []app.Difference {
	t.Helper()
	ctx := context.Background()
	results, err := w.checker().Verify(ctx, w.all)
	all := found(t, results, err)
	results, err = w.sampler().VerifySample(ctx, everybody, w.all)
	if sample := found(t, results, err); !slices.Equal(sample, all) {
		t.Fatalf("a sample of everybody finds\n%q\nand a verification of everything\n%q", sample, all)
	}
	for _, id := range people {
		w.checkPerson(t, id, all)
	}
	return all
}

// checkPerson: of one person the rows are found that are theirs on either side,
// and none that are as they should be. An event of theirs that should be
// somebody else's may be found alone.
func (w *world) checkPerson(t tb, id string, all []app.Difference) {
	t.Helper()
	results, err := w.sampler().VerifyPerson(context.Background(), id, w.all)
	theirs := found(t, results, err)
	for _, d := range all {
		if isOfPerson(d.Served, id) || isOfPerson(d.Rebuilt, id) {
			alone := app.Difference{Table: d.Table, Key: d.Key, Served: d.Served}
			if !slices.Contains(theirs, d) && (d.Table != "events" || isOfPerson(d.Rebuilt, id) || !slices.Contains(theirs, alone)) {
				t.Fatalf("of %q alone there are the differences\n%q\nand not\n%q", id, theirs, d)
			}
		}
	}
	for _, d := range theirs {
		sameRow := func(other app.Difference) bool { return d.Table == other.Table && d.Key == other.Key }
		if !slices.ContainsFunc(all, sameRow) {
			t.Fatalf("of %q alone there is the difference\n%q\nand of everybody\n%q", id, d, all)
		}
	}
}

// isOfPerson tells whether a row is the person's.
func isOfPerson(row, id string) bool {
	var columns struct {
		DistinctID *string `json:"distinct_id"`
	}
	return json.Unmarshal([]byte(row), &columns) == nil && columns.DistinctID != nil && *columns.DistinctID == id
}

// tamperings are ways to spoil a row, by the type of a column.
var tamperings = map[string]string{
	"bigint": "%s + 1", "integer": "%s + 1", "uuid": "gen_random_uuid()", "text": "coalesce(%s, '') || 'x'",
	"timestamp with time zone": "%s + interval '1 microsecond'", "bytea": `%s || '\x00'`,
	"jsonb": `CASE WHEN %s ? 'spoilt' THEN '{}' ELSE %s || '{"spoilt": [[1], 2]}' END`,
}

// tables returns the tables that are served.
func (w *world) tables(t tb) []string {
	t.Helper()
	return w.rows(t, `SELECT 'relay_store.' || c.relname FROM pg_class c JOIN relay_store.generations g ON c.relname LIKE '%\_g' || g.id
WHERE g.status = 'serving' AND c.relkind = 'r' AND c.relnamespace = 'relay_store'::regnamespace ORDER BY 1`)
}

// ways are the statements that each spoil one row of a table.
func (w *world) ways(t tb, table string) (statements []string) {
	t.Helper()
	one := ` WHERE ctid = (SELECT ctid FROM ` + table + ` ORDER BY ctid::text LIMIT 1)`
	copied, values := "", ""
	for _, column := range w.rows(t, `SELECT attname || ' ' || format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = '`+table+`'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`) {
		name, kind, _ := strings.Cut(column, " ")
		spoilt, known := tamperings[kind]
		if !known {
			t.Fatalf("nobody knows how to spoil a %s", kind)
		}
		spoilt = strings.ReplaceAll(spoilt, "%s", name)
		statements = append(statements, "UPDATE "+table+" SET "+name+" = "+spoilt+one)
		copied += ", " + name
		if kind == "uuid" || name == "id" || name == "distinct_id" && !strings.Contains(table, "events") || name == "message_id" {
			name = spoilt
		}
		values += ", " + name
	}
	return append(statements, "DELETE FROM "+table+one,
		"INSERT INTO "+table+" ("+copied[2:]+") SELECT "+values[2:]+" FROM "+table+one)
}

func (w *world) exec(t tb, statement string) {
	t.Helper()
	if _, err := w.db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestEveryColumnCounts: a verification finds whatever is changed of a row, and
// a row too many or too few, and so do those of parts.
func TestEveryColumnCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spec := mapping.Reference()
	spec.Preferences[0], spec.Events = "lang", segment.Track|segment.Page
	w.apply(t, spec)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w.append(t, at, "/connector/segment",
		`{"type":"identify","userId":"u1","anonymousId":"a1","traits":{"email":"a@b.cde","lang":"en","locale":"en_GB","tz":"Europe/Berlin","n":[[1,2],3]}}`,
		`{"type":"identify","userId":"u2","traits":{"email":["x@y.zz","a@b.cde"],"lang":"fr"}}`,
		`{"type":"track","userId":"u1","anonymousId":"a1","messageId":"m1","event":"E","properties":{"n":[[1,2],3]}}`,
		`[{"type":"page","userId":"u2","name":"Home"},{"type":"track","userId":"u2","messageId":"m1","event":"F"},{"type":"track","anonymousId":"a1","event":"G"}]`)
	w.drain(t)
	if tables := w.tables(t); len(tables) != 4 {
		t.Fatalf("tables %q", tables)
	}
	w.everyColumnCounts(t, people, 1)
}

// everyColumnCounts spoils the columns of every table, one after the other, in
// one of so many ways.
func (w *world) everyColumnCounts(t *testing.T, people []string, oneIn int) {
	t.Helper()
	if all := w.checkParts(t, people); len(all) > 0 {
		t.Fatalf("untouched, these differ: %q", all)
	}
	for _, table := range w.tables(t) {
		if len(w.rows(t, `SELECT 1 FROM `+table+` LIMIT 1`)) == 0 {
			t.Errorf("%s has no row to spoil", table)
		}
		w.exec(t, `DROP TABLE IF EXISTS untouched; CREATE TABLE untouched AS TABLE `+table)
		ways := append(w.ways(t, table), nestings(table)...)
		for i, way := range ways {
			if i%oneIn != 0 {
				continue
			}
			w.exec(t, way)
			if all := w.checkParts(t, people); len(all) == 0 {
				t.Errorf("nothing differs after %s", way)
			}
			w.exec(t, `DELETE FROM `+table+`; INSERT INTO `+table+` SELECT * FROM untouched`)
		}
	}
	if all := w.checkParts(t, people); len(all) > 0 {
		t.Fatalf("put back, these differ: %q", all)
	}
}

// TestEveryLinkCounts: the same where ids are joined.
func TestEveryLinkCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spec := mapping.Reference()
	spec.Identity = mapping.Join
	w.apply(t, spec)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w.append(t, at, "/connector/segment",
		`[{"type":"identify","anonymousId":"a1","traits":{"email":"a@b.cde","language":"en","n":[[1,2],3]}},{"type":"track","anonymousId":"a1","messageId":"m1","event":"E","properties":{"n":[[1,2],3]}}]`,
		`{"type":"identify","userId":"u1","anonymousId":"a1","traits":{"email":"x@y.zz","language":"fr"}}`,
		`{"type":"track","userId":"u2","anonymousId":"a1","messageId":"m2","event":"a device that is u1's"}`,
		`[{"type":"alias","previousId":"u1","userId":"u3"},{"type":"alias","previousId":"u3","userId":"u4"},{"type":"track","userId":"u3","messageId":"m1","event":"F"}]`)
	w.drain(t)
	if tables := w.tables(t); len(tables) != 14 {
		t.Fatalf("tables %q", tables)
	}
	w.everyColumnCounts(t, []string{"u3", "u4"}, 4) // one takes a while
}

// nestings is a change that Postgres' own hash of jsonb does not see.
func nestings(table string) []string {
	if !strings.Contains(table, "events") {
		return nil
	}
	return []string{`UPDATE ` + table + ` SET properties = '{"n": [[1], 2, 3]}' WHERE message_id = 'm1'`}
}

// TestPartsOfRandomHistories: after any history, untouched or spoilt in one
// place, parts agree with the whole.
func TestPartsOfRandomHistories(t *testing.T) { partsOfRandom(t, 5, specGen, bodyGen, people) }

// TestPartsOfRandomIdentities: the same where mappings join ids.
func TestPartsOfRandomIdentities(t *testing.T) {
	partsOfRandom(t, 10, joinSpecGen, linkedBodyGen, linkedPeople)
}

func partsOfRandom(t *testing.T, oneIn int, specs *rapid.Generator[mapping.Spec], bodies *rapid.Generator[string], people []string) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(1, oneIn).Draw(t, "one in some") > 1 {
			return // a check takes a while
		}
		w.reset(t)
		w.maxRows = rapid.IntRange(1, 7).Draw(t, "rows a batch")
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "a mapping") {
				w.apply(t, specs.Draw(t, "spec"))
			}
			at = at.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "seconds")) * time.Second)
			w.append(t, at, "/connector/segment", rapid.SliceOfN(bodies, 1, 6).Draw(t, "bodies")...)
		}
		w.drain(t)
		if rapid.IntRange(0, 3).Draw(t, "re-project") == 0 {
			w.reproject(t, strconv.Itoa(rapid.IntRange(1, int(w.head(t))+1).Draw(t, "from")), w.all)
		}
		w.batch = rapid.SampledFrom([]int{0, 1, 500}).Draw(t, "bytes a batch")
		switch rapid.SampledFrom([]string{"", "before", "meanwhile"}).Draw(t, "somebody is erased") {
		case "before":
			newLedger().forget(t, w, drawPerson(t, people))
		case "meanwhile":
			w.meanwhile = newLedger().forgetLater(t, w, people)
		}
		if all := w.checkParts(t, people); len(all) > 0 {
			t.Fatalf("untouched, these differ: %q", all)
		}
		w.batch, w.meanwhile = 0, nil
		table := rapid.SampledFrom(w.tables(t)).Draw(t, "table")
		if len(w.rows(t, `SELECT 1 FROM `+table+` LIMIT 1`)) == 0 {
			return
		}
		w.exec(t, rapid.SampledFrom(w.ways(t, table)).Draw(t, "way"))
		if all := w.checkParts(t, people); len(all) == 0 {
			t.Fatalf("spoilt, nothing differs")
		}
	})
}
