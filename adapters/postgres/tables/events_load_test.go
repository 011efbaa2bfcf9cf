package tables

import (
	"database/sql"
	"fmt"
	"maps"
	"testing"

	"relay/adapters/postgres/postgrestest"

	"pgregory.net/rapid"

	"relay/adapters/postgres"
	"relay/domain/eventlog"
	"relay/projections"
)

// TestLoadedDoubles: of events with one message id the one with the lowest
// position stays, however they come, by whatever loaders, and whether or not
// each is suspected to have come before.
func TestLoadedDoubles(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	generation := int64(1000)
	rapid.Check(t, func(t *rapid.T) {
		generation++
		createEvents(t, db, generation)
		want := map[string]eventlog.Position{}
		var list []projections.Event
		for i := range rapid.IntRange(0, 30).Draw(t, "events") {
			e := projections.Event{
				Position:  eventlog.Position{Offset: eventlog.Offset(1 + i/2), Index: int32(i % 2)},
				MessageID: fmt.Sprint("message ", rapid.IntRange(1, 12).Draw(t, "message")), Type: "track", Properties: []byte(`{}`),
			}
			if _, ok := want[e.MessageID]; !ok {
				want[e.MessageID] = e.Position
			}
			list = append(list, e)
		}
		loadEvents(t, db, generation, rapid.Permutation(list).Draw(t, "order"))
		if got := loadedEvents(t, db, generation); !maps.Equal(got, want) {
			t.Fatalf("loaded %v, want %v", got, want)
		}
	})
}

func createEvents(t *rapid.T, db *sql.DB, generation int64) {
	err := postgres.InTx(t.Context(), db, func(tx *sql.Tx) error { return Events{}.Create(t.Context(), tx, generation, false) })
	if err != nil {
		t.Fatal(err)
	}
}

// loadEvents loads a few events at a time, now and then by a new loader, and
// settles them twice, as after an interruption.
func loadEvents(t *rapid.T, db *sql.DB, generation int64, list []projections.Event) {
	loader := newLoader(t, db, generation)
	for len(list) > 0 {
		n := rapid.IntRange(1, len(list)).Draw(t, "part")
		if err := loader.Add(t.Context(), &projections.EventsFold{Events: list[:n]}, nil); err != nil {
			t.Fatal(err)
		}
		if list = list[n:]; rapid.Bool().Draw(t, "another loader") {
			loader = newLoader(t, db, generation)
		}
	}
	for range 2 {
		if err := loader.Index(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func newLoader(t *rapid.T, db *sql.DB, generation int64) *eventsLoader {
	loader := Events{DB: db}.Load(generation, 0).(*eventsLoader)
	if rapid.Bool().Draw(t, "suspects everything") {
		for i := range loader.seen.lines {
			for word := range loader.seen.lines[i] {
				loader.seen.lines[i][word] = ^uint64(0)
			}
		}
	}
	return loader
}

// loadedEvents returns the positions of the rows that stand under their own
// keys.
func loadedEvents(t *rapid.T, db *sql.DB, generation int64) map[string]eventlog.Position {
	rows, err := db.Query(fmt.Sprintf(`SELECT message_id, uuid_send(message_key), log_offset, log_index FROM relay_store.events_g%d`, generation))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]eventlog.Position{}
	for rows.Next() {
		var id string
		var key []byte
		var at eventlog.Position
		if err := rows.Scan(&id, &key, &at.Offset, &at.Index); err != nil {
			t.Fatal(err)
		}
		if messageKey(key) != keyOf(id) {
			t.Fatalf("%s stands under the key %x", id, key)
		}
		got[id] = at
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}
