package wire

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"

	"relay/domain/segment"
)

// RowWriter takes rows of one table on their way to the server: an array of the
// table's row type in Postgres' binary form. The server takes them in at half
// the cost of an array for each column. They are filled row by row: begin, the
// columns in the table's order, end.
type RowWriter struct {
	tx       *sql.Tx
	table    string
	conflict string
	columns  int    // of each row
	data     []byte // arrayHeader bytes left free, then length and columns of each row
	count    int
	start    int // of the row at hand

	statement *sql.Stmt // prepared, since it runs for every few hundred rows; nil until needed
	element   uint32    // OID of the row type
}

// NewRowWriter returns a writer to the table; conflict, if any, is the
// statement's ON CONFLICT clause.
func NewRowWriter(tx *sql.Tx, table string, columns int, conflict string) *RowWriter {
	return &RowWriter{tx: tx, table: table, conflict: conflict, columns: columns, data: make([]byte, arrayHeader, 4096)}
}

func (r *RowWriter) Close() {
	if r.statement != nil {
		_ = r.statement.Close() // it ends with the transaction at the latest
	}
}

func (r *RowWriter) prepare(ctx context.Context) (err error) {
	if r.statement != nil {
		return nil
	}
	if err := r.tx.QueryRowContext(ctx, `SELECT $1::regtype::oid`, r.table).Scan(&r.element); err != nil {
		return err
	}
	r.statement, err = r.tx.PrepareContext(ctx, "INSERT INTO "+r.table+" SELECT * FROM unnest($1::"+r.table+"[]) "+r.conflict)
	return err
}

// rowsFull is how many bytes a statement carries, but for the last of its
// rows: with more, the server's memory leaves its caches and comes from the
// system and goes back to it for each statement.
const rowsFull = 128 << 10

func (r *RowWriter) Full() bool { return len(r.data) >= rowsFull }

// Insert inserts the rows, which are then none.
func (r *RowWriter) Insert(ctx context.Context) error {
	if r.count == 0 {
		return nil
	}
	if err := r.prepare(ctx); err != nil {
		return fmt.Errorf("prepare to write %s: %w", r.table, err)
	}
	_, err := r.statement.ExecContext(ctx, r)
	r.data, r.count = r.data[:arrayHeader], 0
	if cap(r.data) > 4*rowsFull {
		r.data = make([]byte, arrayHeader, rowsFull) // one huge row must not hold its memory
	}
	return err
}

func (r *RowWriter) Begin() {
	r.start = len(r.data)
	r.data = append(r.data, 0, 0, 0, 0)
	r.data = binary.BigEndian.AppendUint32(r.data, uint32(r.columns))
}

func (r *RowWriter) End() {
	binary.BigEndian.PutUint32(r.data[r.start:], uint32(len(r.data)-r.start-4))
	r.count++
}

// field begins a column of n bytes; -1 is null.
func (r *RowWriter) field(oid uint32, n int) {
	r.data = binary.BigEndian.AppendUint32(r.data, oid)
	r.data = binary.BigEndian.AppendUint32(r.data, uint32(n))
}

func (r *RowWriter) Text(s string) {
	r.field(OIDText, len(s))
	r.data = append(r.data, s...)
}

// OrNull adds a text, or null for an empty one.
func (r *RowWriter) OrNull(s string) {
	if s == "" {
		r.field(OIDText, -1)
		return
	}
	r.Text(s)
}

func (r *RowWriter) Bytes(b []byte) {
	r.field(OIDBytea, len(b))
	r.data = append(r.data, b...)
}

func (r *RowWriter) JSON(b []byte) {
	r.field(oidJSONB, len(b)+1)
	r.data = append(r.data, 1) // jsonb's binary version
	r.data = append(r.data, b...)
}

func (r *RowWriter) UUID(b [16]byte) {
	r.field(OIDUUID, len(b))
	r.data = append(r.data, b[:]...)
}

func (r *RowWriter) Bool(b bool) {
	r.field(oidBool, 1)
	if b {
		r.data = append(r.data, 1)
		return
	}
	r.data = append(r.data, 0)
}

func (r *RowWriter) Int8(n int64) {
	r.field(OIDInt8, 8)
	r.data = binary.BigEndian.AppendUint64(r.data, uint64(n))
}

func (r *RowWriter) Int4(n int32) {
	r.field(OIDInt4, 4)
	r.data = binary.BigEndian.AppendUint32(r.data, uint32(n))
}

func (r *RowWriter) Int2(n int16) {
	r.field(oidInt2, 2)
	r.data = binary.BigEndian.AppendUint16(r.data, uint16(n))
}

func (r *RowWriter) Instant(i segment.Instant) {
	r.field(OIDTimestamptz, 8)
	r.data = AppendInstant(r.data, i)
}

// BinaryValue is what lib/pq sends.
func (r *RowWriter) BinaryValue() ([]byte, error) {
	return withArrayHeader(r.data, r.element, r.count), nil
}
