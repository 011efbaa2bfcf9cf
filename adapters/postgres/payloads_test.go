package postgres

import "testing"

// TestPayloadsOfLargeLogs: what people ask of relay.payloads must work when the
// server would read the log with parallel workers too.
func TestPayloadsOfLargeLogs(t *testing.T) {
	t.Parallel()
	db := openMigrated(t)
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		`INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
		 SELECT gen_random_uuid(), now(), 2, false, convert_to('{"type":"track","n":' || n || '}', 'UTF8'), '{}' FROM generate_series(1, 1000) n`,
		`ANALYZE relay.log`,
		`SET parallel_setup_cost = 0`, `SET parallel_tuple_cost = 0`, `SET min_parallel_table_scan_size = 0`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	var tracks int
	if err := db.QueryRow(`SELECT count(*) FROM relay.payloads WHERE body ->> 'type' = 'track'`).Scan(&tracks); err != nil || tracks != 1000 {
		t.Errorf("%d tracks of 1000, %v", tracks, err)
	}
}
