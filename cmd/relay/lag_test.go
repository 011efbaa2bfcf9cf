package main

import (
	"strings"
	"testing"
)

// TestLagIsRecorded: relay serve records the live lag, deletes what is old, and
// the overview charts it.
func TestLagIsRecorded(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	server := relay.serve()
	if _, body := server.ask("GET", "/", "", nil); strings.Count(body, "<svg") != 4 || !strings.Contains(body, "Live lag, ") {
		t.Errorf("the overview at first: %s", body)
	}
	waitFor(t, "the lag to be recorded", func() bool {
		return text(t, db, `SELECT count(*) FROM relay_store.live_lag WHERE minute > now() - interval '3 minutes' AND seconds >= 0`) != "0"
	})
	server.stop()
	if _, err := db.Exec(`INSERT INTO relay_store.live_lag VALUES (date_trunc('minute', now() - interval '5 minutes'), 83), (now() - interval '8 days', 7)`); err != nil {
		t.Fatal(err)
	}
	server = relay.serve()
	if _, body := server.ask("GET", "/", "", nil); !strings.Contains(body, "Live lag, the greatest of each minute, over the last hour: 1m23s at most.") ||
		!strings.Contains(body, "over the last day: 1m23s at most.") || !strings.Contains(body, ": 1m23s behind at most</title>") {
		t.Errorf("the overview: %s", body)
	}
	waitFor(t, "the old lag to be deleted", func() bool { return text(t, db, `SELECT count(*) FROM relay_store.live_lag WHERE seconds = 7`) == "0" })
}
