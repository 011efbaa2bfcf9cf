package logstore

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/lib/pq"

	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

// TestPlans: the log's queries neither sort nor scan a table from end to end,
// whether a consumer is caught up or far behind.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	fill(t, db, 100_000)
	all := segment.Identify | segment.Track
	for _, kinds := range []segment.Kinds{segment.Identify, segment.Track, all} {
		consumption := app.Consumption{Projection: "profiles", Kinds: only(kinds)}
		for _, at := range []int{0, 50_000, 99_990, 100_000} {
			if _, err := db.Exec(`UPDATE relay_store.generations SET checkpoint = $1`, at); err != nil {
				t.Fatal(err)
			}
			schema := announcements{consumption: consumption, maxRows: 2000, maxBytes: 8 << 20}
			q, err := schema.SelectQuery(watermillsql.SelectQueryParams{})
			if err != nil {
				t.Fatal(err)
			}
			checkPlan(t, db, q.Query, q.Args...)
		}
		for _, after := range []int64{0, 99_000} {
			read := readFrom(kinds)
			checkPlan(t, db, read.frames, after, after+piece, int64(kinds), largePayload)
			checkPlan(t, db, read.rows, after, after+piece, int64(kinds))
		}
	}
	checkPlan(t, db, headOfLog)
	checkPlan(t, db, allControlsSQL)
}

func fill(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	body := strings.Repeat("x", 800)
	entries := make([]ingest.NewEntry, 1000)
	for range n / len(entries) {
		for i := range entries {
			entries[i] = entry(body, segment.Track)
			if i%7 == 0 {
				entries[i].Kinds = segment.Identify
			}
		}
		if err := AppendAll(t.Context(), db, entries); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`ANALYZE relay.log`); err != nil {
		t.Fatal(err)
	}
}

// checkPlan looks at the plan for these values, and at the one for any that the
// server may come to use for a statement that is kept.
func checkPlan(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	rows, err := db.Query(`EXPLAIN `+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	checkRows(t, rows, query, args)
	if len(args) == 0 {
		return
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	values := make([]string, len(args))
	for i, arg := range args {
		values[i] = pq.QuoteLiteral(fmt.Sprint(arg))
	}
	for _, statement := range []string{`SET plan_cache_mode = force_generic_plan`, `PREPARE checked AS ` + query} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if rows, err = conn.QueryContext(t.Context(), `EXPLAIN EXECUTE checked (`+strings.Join(values, ",")+`)`); err != nil {
		t.Fatal(err)
	}
	checkRows(t, rows, query, args)
	if _, err := conn.ExecContext(t.Context(), `DEALLOCATE checked; RESET plan_cache_mode`); err != nil {
		t.Fatal(err)
	}
}

func checkRows(t *testing.T, rows *sql.Rows, query string, args []any) {
	t.Helper()
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	text := strings.Join(plan, "\n")
	// A Merge Append names a Sort Key and sorts nothing.
	if len(plan) == 0 || strings.Contains(text, "Sort  (") || strings.Contains(text, "Seq Scan on log") {
		t.Errorf("a plan with a sort or a scan of the whole log:\n%s\n%s\n%v", text, query, args)
	}
}
