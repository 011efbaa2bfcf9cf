package logstore

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/app/ingest"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// TestFramesHoldEveryEntry: whatever the sizes of payloads and wherever a read
// begins and ends, each entry of the kinds comes once, in order, whole.
func TestFramesHoldEveryEntry(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	random := rand.New(rand.NewPCG(1, 1))
	written := make([]ingest.NewEntry, 2*piece+500)
	for i := range written {
		size := random.IntN(20)
		if i < 300 || i > piece && random.IntN(100) == 0 {
			size = largePayload - 10 + random.IntN(20)
		}
		written[i] = entry(strings.Repeat(string(rune('a'+i%26)), size), segment.Track)
		if random.IntN(3) == 0 {
			written[i].Kinds = segment.Identify
		}
	}
	if err := AppendAll(t.Context(), db, written); err != nil {
		t.Fatal(err)
	}
	for _, kinds := range []segment.Kinds{segment.Track, segment.Identify, segment.Track | segment.Identify} {
		for range 5 {
			after := eventlog.Offset(random.IntN(len(written)))
			checkRead(t, postgres.Database{DB: db}, written, kinds, eventlog.Range{After: after, UpTo: after + 1 + eventlog.Offset(random.IntN(len(written)))})
		}
		checkRead(t, postgres.Database{DB: db}, written, kinds, eventlog.Range{UpTo: 1 << 20})
	}
}

// checkRead reads a range of a log whose offsets count from 1.
func checkRead(t *testing.T, db postgres.Database, written []ingest.NewEntry, kinds segment.Kinds, r eventlog.Range) {
	t.Helper()
	next := r.After
	skip := func() {
		for next++; next <= r.UpTo && int(next) <= len(written) && !written[next-1].Kinds.Has(kinds); next++ {
		}
	}
	skip()
	err := db.InSnapshot(t.Context(), func(tx app.Tx) error {
		return Reader{}.Read(t.Context(), tx, r, kinds, func(e *eventlog.Entry) error {
			if e.Offset != next {
				t.Fatalf("%v of %+v: offset %d, want %d", kinds, r, e.Offset, next)
			}
			if want := written[next-1]; string(e.Payload) != string(want.Inbound.Body) || e.Kinds != want.Kinds || e.Source != want.Inbound.Source {
				t.Fatalf("offset %d: %.40q %v %q", next, e.Payload, e.Kinds, e.Source)
			}
			skip()
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if last := min(r.UpTo, eventlog.Offset(len(written))); next <= last {
		t.Fatalf("%v of %+v: ended before %d", kinds, r, next)
	}
}

func TestReadingEndsWithTheErrorOfEach(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	fill(t, db, 1000)
	enough, n := errors.New("enough"), 0
	err := postgres.Database{DB: db}.InSnapshot(t.Context(), func(tx app.Tx) error {
		return Reader{}.Read(t.Context(), tx, eventlog.Range{UpTo: 1000}, segment.Track, func(*eventlog.Entry) error {
			if n++; n == 100 {
				return enough
			}
			return nil
		})
	})
	if !errors.Is(err, enough) || n != 100 {
		t.Fatalf("%v after %d entries", err, n)
	}
}

// binaryRow is a row of the log as Postgres' record_send writes it.
func binaryRow(payload []byte) []byte {
	row := binary.BigEndian.AppendUint32(nil, 5)
	for _, field := range [][]byte{{7: 3}, {7: 9}, {3: 2}, payload, []byte("\x01" + `{"source":"web","route":"/v1/track"}`)} {
		row = binary.BigEndian.AppendUint32(row, 17)
		row = binary.BigEndian.AppendUint32(row, uint32(len(field)))
		row = append(row, field...)
	}
	return row
}

func TestDecodeRows(t *testing.T) {
	t.Parallel()
	d := newEntryDecoder()
	rows := append(binaryRow([]byte("{}")), binaryRow([]byte{})...)
	for _, payload := range []string{"{}", ""} {
		var err error
		if rows, err = d.next(rows); err != nil {
			t.Fatal(err)
		}
		want := eventlog.Entry{Offset: 3, ReceivedAt: wire.InstantOf([]byte{7: 9}), Kinds: segment.Track, Source: "web", Route: "/v1/track", Payload: []byte(payload)}
		if !reflect.DeepEqual(d.entry, want) {
			t.Errorf("got %+v, want %+v", d.entry, want)
		}
	}
	if len(rows) > 0 {
		t.Errorf("%d bytes are left", len(rows))
	}
}

func FuzzDecodeRows(f *testing.F) {
	f.Add(binaryRow([]byte("{}")))
	f.Add(append(binaryRow(nil), 0))
	f.Fuzz(func(t *testing.T, rows []byte) {
		d := newEntryDecoder()
		for len(rows) > 0 {
			rest, err := d.next(rows)
			if err != nil {
				return
			}
			if len(rest) >= len(rows) {
				t.Fatalf("%d bytes became %d", len(rows), len(rest))
			}
			rows = rest
		}
	})
}
