package logstore

import (
	"context"
	"errors"
	"fmt"

	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// framesSQL reads a range's entries in frames: the rows of <width> offsets in
// Postgres' binary form, one after the other, as one value. A row of its own
// costs the server, the driver and database/sql together more than relay's
// parser takes for its payload. Payloads of more than $4 bytes are left out,
// which bounds a frame.
//
// Plan: for each stretch an index scan of the primary key, merged over the
// partitions.
const framesSQL = postgres.Keep + `SELECT f.frame FROM generate_series($1::bigint, $2::bigint - 1, <width>) AS stretch(after), LATERAL (
    SELECT string_agg(record_send(entry), '') AS frame FROM (
        SELECT "offset", received_at, kinds, CASE WHEN octet_length(payload) <= $4 THEN payload END AS payload, metadata
        FROM <log> WHERE "offset" > stretch.after AND "offset" <= least(stretch.after + <width>, $2) AND (kinds & $3) <> 0
        ORDER BY "offset"
    ) entry
) f WHERE f.frame IS NOT NULL`

// rowsSQL reads a range's entries, each as a frame of its own.
//
// Plan: an index scan of the primary key, merged over the partitions.
const rowsSQL = postgres.Keep + `SELECT record_send(entry) FROM (
    SELECT "offset", received_at, kinds, payload, metadata
    FROM <log> WHERE "offset" > $1 AND "offset" <= $2 AND (kinds & $3) <> 0 ORDER BY "offset"
) entry`

var (
	readLog      = newReading("relay.log", "64")
	readIdentity = newReading("relay.log_identity", "256") // about one entry in seven
)

// reading is how a table of the log is read.
type reading struct {
	frames, rows string
}

func newReading(log, width string) reading {
	return reading{frames: postgres.SQL(framesSQL, "log", log, "width", width), rows: postgres.SQL(rowsSQL, "log", log)}
}

func readFrom(kinds segment.Kinds) reading {
	if logOf(kinds) == "relay.log" {
		return readLog
	}
	return readIdentity
}

const (
	// piece is how many offsets a statement reads.
	piece = 4096
	// largePayload is the size in bytes from which payloads are read row by row:
	// then frames save little.
	largePayload = 32 << 10
)

// frames reads a range, piece by piece.
type frames struct {
	tx      app.Tx
	reading reading
	kinds   segment.Kinds
	each    func(*eventlog.Entry) error
	left    eventlog.Range // what was not read yet
	decoder entryDecoder
	frame   rawBytes
	byRow   bool // whether the next piece is read row by row
}

func newFrames(tx app.Tx, r eventlog.Range, kinds segment.Kinds, each func(*eventlog.Entry) error) *frames {
	return &frames{tx: tx, reading: readFrom(kinds), kinds: kinds, each: each, left: r, decoder: newEntryDecoder()}
}

// errLarge is returned before an entry whose payload frames leave out.
var errLarge = errors.New("a large payload comes next")

// next reads the next piece. One with a large payload is read row by row from
// there on, and so is what follows until a piece has none.
func (f *frames) next(ctx context.Context) error {
	upTo := min(f.left.After+piece, f.left.UpTo)
	if !f.byRow {
		err := f.query(ctx, f.reading.frames, upTo, int64(f.left.After), int64(upTo), int64(f.kinds), largePayload)
		if !errors.Is(err, errLarge) {
			return err
		}
	}
	f.byRow = false // unless entries finds one
	return f.query(ctx, f.reading.rows, upTo, int64(f.left.After), int64(upTo), int64(f.kinds))
}

// query reads the entries up to the offset.
func (f *frames) query(ctx context.Context, query string, upTo eventlog.Offset, args ...any) error {
	rows, err := f.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read the log after offset %d: %w", f.left.After, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&f.frame); err != nil {
			return fmt.Errorf("read the log after offset %d: %w", f.left.After, err)
		}
		if err := f.entries(f.frame); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the log up to offset %d: %w", upTo, err)
	}
	f.left.After = upTo
	return nil
}

// entries hands on the entries of a frame, and takes them off what is left.
func (f *frames) entries(frame []byte) (err error) {
	for e := &f.decoder.entry; len(frame) > 0; f.left.After = e.Offset {
		if frame, err = f.decoder.next(frame); err != nil {
			return fmt.Errorf("read the entry after offset %d: %w", f.left.After, err)
		}
		if e.Offset <= f.left.After {
			return fmt.Errorf("the log came out of order: offset %d after %d", e.Offset, f.left.After)
		}
		if e.Payload == nil {
			return errLarge
		}
		f.byRow = f.byRow || len(e.Payload) > largePayload
		if err := f.each(e); err != nil {
			return err
		}
	}
	return nil
}

// rawBytes takes a value into memory that it reuses.
type rawBytes []byte

// Scan implements sql.Scanner.
func (b *rawBytes) Scan(value any) error {
	bytes, ok := value.([]byte)
	if !ok {
		return fmt.Errorf("%T is not bytes", value)
	}
	*b = append((*b)[:0], bytes...)
	return nil
}
