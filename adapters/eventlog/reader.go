package eventlog

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// readSQL reads a range's entries. Times come in Postgres' own binary form,
// since their text costs more to read than the rest of the row.
//
// Plan: an index scan of the primary key, merged over the partitions.
const readSQL = `SELECT "offset", timestamptz_send(received_at), kinds, payload, metadata
FROM <log> WHERE "offset" > $1 AND "offset" <= $2 AND (kinds & $3) <> 0 ORDER BY "offset"`

// Reader implements app.LogReader. It is safe for concurrent use.
type Reader struct{}

var _ app.LogReader = Reader{}

// Read implements app.LogReader.
func (Reader) Read(ctx context.Context, tx app.Tx, r eventlog.Range, kinds segment.Kinds, each func(*eventlog.Entry) error) error {
	rows, err := tx.QueryContext(ctx, readFrom(kinds), int64(r.After), int64(r.UpTo), int64(kinds))
	if err != nil {
		return fmt.Errorf("read the log after offset %d: %w", r.After, err)
	}
	defer rows.Close()
	scan := rowScanner{origins: map[string]origin{}}
	for rows.Next() {
		if err := scan.row(rows); err != nil {
			return err
		}
		if err := each(&scan.entry); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the log up to offset %d: %w", r.UpTo, err)
	}
	return nil
}

var (
	readLog      = strings.ReplaceAll(readSQL, "<log>", "relay.log")
	readIdentity = strings.ReplaceAll(readSQL, "<log>", "relay.log_identity")
)

func readFrom(kinds segment.Kinds) string {
	if logOf(kinds) == "relay.log" {
		return readLog
	}
	return readIdentity
}

// Head implements app.LogReader.
func (Reader) Head(ctx context.Context, tx app.Tx) (head eventlog.Offset, err error) {
	if err := tx.QueryRowContext(ctx, headOfLog).Scan(&head); err != nil {
		return 0, fmt.Errorf("find the log's head: %w", err)
	}
	return head, nil
}

// rowScanner reads rows into one entry whose memory it reuses.
type rowScanner struct {
	entry    eventlog.Entry
	received sql.RawBytes
	payload  sql.RawBytes
	metadata sql.RawBytes
	origins  map[string]origin // by metadata, most of which are alike
}

// origin is what of an entry's metadata reading needs.
type origin struct {
	Source string `json:"source"`
	Route  string `json:"route"`
	Erased []int  `json:"erased"`
}

// epoch2000 is where Postgres counts time from, in microseconds since 1970.
const epoch2000 = 946684800 * 1_000_000

func (s *rowScanner) row(rows *sql.Rows) error {
	var kinds int32
	if err := rows.Scan(&s.entry.Offset, &s.received, &kinds, &s.payload, &s.metadata); err != nil {
		return fmt.Errorf("read an entry of the log: %w", err)
	}
	o, err := s.origin()
	if err != nil {
		return fmt.Errorf("metadata of the entry at offset %d: %w", s.entry.Offset, err)
	}
	s.entry.Source, s.entry.Route, s.entry.Erased = o.Source, o.Route, o.Erased
	s.entry.Kinds = segment.Kinds(kinds)
	s.entry.ReceivedAt = segment.Instant(int64(binary.BigEndian.Uint64(s.received)) + epoch2000)
	s.entry.Payload = s.payload
	return nil
}

func (s *rowScanner) origin() (origin, error) {
	if o, ok := s.origins[string(s.metadata)]; ok {
		return o, nil
	}
	var o origin
	if err := json.Unmarshal(s.metadata, &o); err != nil {
		return o, err
	}
	if len(s.origins) < 1000 {
		s.origins[string(s.metadata)] = o
	}
	return o, nil
}

// FirstAt implements app.TimeFinder. Times of receipt nearly grow with the
// offset, so an index of a few bytes for each stretch of pages finds them.
func (Reader) FirstAt(ctx context.Context, tx app.Tx, at time.Time) (offset eventlog.Offset, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(
    (SELECT min("offset") FROM relay.log WHERE received_at >= $1),
    (SELECT coalesce(max("offset"), 0) + 1 FROM relay.log))`, at).Scan(&offset)
	if err != nil {
		return 0, fmt.Errorf("find what was received at %s or later: %w", at.Format(time.RFC3339Nano), err)
	}
	return offset, nil
}
