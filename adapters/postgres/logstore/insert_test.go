package logstore

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"relay/app/ingest"
	"relay/domain/segment"
)

var anyEntry = rapid.Custom(func(t *rapid.T) ingest.NewEntry {
	micros := rapid.Int64Range(-62135596800_000_000, 4102444800_000_000).Draw(t, "microseconds")
	return ingest.NewEntry{
		Inbound: ingest.Inbound{
			RequestID: uuid.Must(uuid.NewV7()).String(), Source: rapid.SampledFrom([]string{"web", `a "b" \ {c}`, "é"}).Draw(t, "source"), Route: "/v1/batch",
			ContentType: rapid.SampledFrom([]string{"", "application/json", "text/plain"}).Draw(t, "content type"),
			ReceivedAt:  time.UnixMicro(micros).Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "nanoseconds"))),
			Body:        rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
		},
		Kinds:  segment.Kinds(rapid.Int32Range(1, 1023).Draw(t, "kinds")),
		Calls:  rapid.IntRange(0, 3).Draw(t, "calls"),
		Erased: rapid.SampledFrom([][]int{nil, {0}, {0, 2}}).Draw(t, "erased"),
	}
})

// TestAloneAsInCompany: an entry makes the same row, whether it is appended alone
// or with others.
func TestAloneAsInCompany(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	rapid.Check(t, func(t *rapid.T) {
		e := anyEntry.Draw(t, "entry")
		for _, group := range [][]ingest.NewEntry{{e}, {e, anyEntry.Draw(t, "other")}} {
			if err := AppendAll(t.Context(), db, group); err != nil {
				t.Fatal(err)
			}
		}
		var rows, distinct int
		err := db.QueryRow(`SELECT count(*), count(DISTINCT (received_at, kinds, identity, payload, metadata)) FROM relay.log WHERE uuid = $1`, e.Inbound.RequestID).Scan(&rows, &distinct)
		if err != nil {
			t.Fatal(err)
		}
		if rows != 2 || distinct != 1 {
			t.Fatalf("%d rows, %d of them different, want 2 that are the same", rows, distinct)
		}
	})
}
