package tables

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"testing"

	"relay/adapters/postgres/postgrestest"

	"pgregory.net/rapid"

	"relay/adapters/postgres"
	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/segment"
)

// TestLoadedLinks: the claims and aliases that count, and whom they lead to, are
// those that the domain finds, whatever parts they were kept in.
func TestLoadedLinks(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	generation := int64(1)
	rapid.Check(t, func(t *rapid.T) {
		generation++
		ids := rapid.IntRange(1, 12).Draw(t, "ids")
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(1, ids).Draw(t, "id")) })
		var parts []identity.State
		var all identity.State
		for offset := range rapid.IntRange(0, 20).Draw(t, "calls") {
			if len(parts) == 0 || rapid.IntRange(0, 3).Draw(t, "next part") == 0 {
				parts = append(parts, identity.State{})
			}
			at := eventlog.Stamp{At: segment.Instant(rapid.IntRange(0, 3).Draw(t, "at")), Position: eventlog.Position{Offset: eventlog.Offset(offset)}}
			from, to := id.Draw(t, "from"), id.Draw(t, "to")
			for _, s := range []*identity.State{&all, &parts[len(parts)-1]} {
				if offset%3 == 0 {
					s.Claim(from, to, at)
				} else {
					s.Alias(from, to, at)
				}
			}
		}
		checkLoadedLinks(t, db, generation, parts, all)
	})
}

// TestLongWays: chains and cycles of any length are followed to their ends.
func TestLongWays(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	var s identity.State
	alias := func(from, to string) { s.Alias(from, to, eventlog.Stamp{}) }
	for i := range 3000 {
		alias(fmt.Sprint("chain", i), fmt.Sprint("chain", i+1))
		alias(fmt.Sprint("way", i), fmt.Sprint("way", i+1))
	}
	alias("way3000", "cycle7")
	for i := range 1000 {
		alias(fmt.Sprint("cycle", i), fmt.Sprint("cycle", (i+1)%1000))
	}
	alias("itself", "itself")
	checkLoadedLinks(t, db, 1, []identity.State{s}, s)
}

func checkLoadedLinks(t tb, db *sql.DB, generation int64, parts []identity.State, all identity.State) {
	t.Helper()
	ctx := context.Background()
	err := postgres.InTx(ctx, db, func(tx *sql.Tx) error {
		if err := (Events{}).Create(ctx, tx, generation, true); err != nil {
			return err
		}
		for _, part := range parts {
			if err := keepLinks(ctx, tx, generation, part); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("keep links: %v", err)
	}
	if joins, err := finishLinks(ctx, db, generation); err != nil || !joins {
		t.Fatalf("finish: joins %v, %v", joins, err)
	}
	canonical := all.Aliases.Canonical()
	want := map[string]string{}
	for id := range all.Claims {
		want[id] = all.Owner(id, canonical)
	}
	checkDistinctIDs(t, db, claimsTable, generation, want)
	want = map[string]string{}
	maps.Copy(want, canonical)
	checkDistinctIDs(t, db, aliasesTable, generation, want)
}

func checkDistinctIDs(t tb, db *sql.DB, table string, generation int64, want map[string]string) {
	t.Helper()
	rows, err := db.Query(fmt.Sprintf(`SELECT id, distinct_id FROM relay_store.%s_g%d`, table, generation))
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var id, distinctID string
		if err := rows.Scan(&id, &distinctID); err != nil {
			t.Fatalf("%v", err)
		}
		got[id] = distinctID
	}
	if rows.Err() != nil || !maps.Equal(got, want) {
		t.Fatalf("%s: got %v, want %v, %v", table, got, want, rows.Err())
	}
}

// tb is what of testing.T and rapid.T these tests need.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}
