package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"relay/app"
	"relay/domain/segment"
)

// Requests implements app.RequestLog: records gather in memory and are written
// together, at once or some milliseconds later. While the database is away they wait, up to
// maxRecords of them.
type Requests struct {
	db     *sql.DB
	logger *slog.Logger
	wake   chan struct{}

	mu      sync.Mutex
	waiting []app.RequestRecord
	lost    int
}

var (
	_ app.RequestLog = (*Requests)(nil)
	_ app.Expiring   = (*Requests)(nil)
)

const (
	maxRecords      = 50_000
	maxRecordsWrite = 5_000
)

// NewRequests returns a request log; Run writes it out.
func NewRequests(db *sql.DB, logger *slog.Logger) *Requests {
	return &Requests{db: db, logger: logger, wake: make(chan struct{}, 1)}
}

// Note implements app.RequestLog.
func (r *Requests) Note(record app.RequestRecord) {
	r.mu.Lock()
	if len(r.waiting) < maxRecords {
		r.waiting = append(r.waiting, record)
	} else {
		r.lost++
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run writes records until ctx ends, and then what is left.
func (r *Requests) Run(ctx context.Context) {
	const pause = 10 * time.Millisecond
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			r.flush(last)
			return
		case <-r.wake:
			if !r.flush(ctx) {
				r.retryLater(ctx)
			}
		}
		select { // gather for a moment
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (r *Requests) retryLater(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// flush writes all that waits and tells whether it could.
func (r *Requests) flush(ctx context.Context) bool {
	for {
		r.mu.Lock()
		batch := r.waiting[:min(len(r.waiting), maxRecordsWrite)]
		lost := r.lost
		r.mu.Unlock()
		if len(batch) == 0 {
			return true
		}
		if err := r.write(ctx, batch); err != nil {
			r.logger.Warn("records of refused requests wait for the database", "waiting", len(batch), "lost", lost, "error", err)
			return false
		}
		r.mu.Lock()
		r.waiting = r.waiting[len(batch):]
		r.mu.Unlock()
	}
}

func (r *Requests) write(ctx context.Context, records []app.RequestRecord) error {
	c := newColumns(oidUUID, oidTimestamptz, oidText, oidInt4, oidText, oidInt4, oidInt4)
	for _, record := range records {
		id, err := uuid.Parse(record.RequestID)
		if err != nil {
			continue // not an id that relay gave
		}
		c[0].bytes(id[:])
		c[1].instant(segment.InstantOf(record.ReceivedAt))
		c[2].text(record.Source)
		c[3].int4(int32(record.Status))
		c[4].text(record.Code)
		c[5].int4(int32(record.Bytes))
		c[6].int4(int32(record.Calls))
	}
	_, err := r.db.ExecContext(ctx, `INSERT INTO relay_store.refused_requests (request_id, received_at, source, status, code, bytes, calls)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::int[], $5::text[], $6::int[], $7::int[])
ON CONFLICT (request_id) DO NOTHING`, arguments(c)...)
	return err
}

// DeleteBefore implements app.Expiring.
func (r *Requests) DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error) {
	return deleteBefore(ctx, r.db, "relay_store.refused_requests", "received_at", t, limit)
}

// deleteBefore deletes rows of the table by the time in a column that has an
// index. Rows that another process is deleting are left to it.
func deleteBefore(ctx context.Context, db *sql.DB, table, column string, t time.Time, limit int) (int, error) {
	result, err := db.ExecContext(ctx, `DELETE FROM `+table+` WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM `+table+` WHERE `+column+` < $1 ORDER BY `+column+` LIMIT $2 FOR UPDATE SKIP LOCKED))`, t, limit)
	if err != nil {
		return 0, fmt.Errorf("delete from %s: %w", table, err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// storable makes any text one that Postgres can keep.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
