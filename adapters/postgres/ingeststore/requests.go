package ingeststore

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

// Requests implements ingest.RequestLog. It collects records in memory and writes
// them together, at once or some milliseconds later. While the database is away,
// up to maxRecords records wait, and further ones are lost.
type Requests struct {
	db     *sql.DB
	logger *slog.Logger
	wake   chan struct{}

	mu      sync.Mutex
	waiting []ingest.RequestRecord
	lost    int
}

var (
	_ ingest.RequestLog = (*Requests)(nil)
	_ app.Expiring      = (*Requests)(nil)
)

const (
	maxRecords      = 50_000
	maxRecordsWrite = 5_000
)

// NewRequests returns a request log; Run writes it out.
func NewRequests(db *sql.DB, logger *slog.Logger) *Requests {
	return &Requests{db: db, logger: logger, wake: make(chan struct{}, 1)}
}

// Note implements ingest.RequestLog.
func (r *Requests) Note(record ingest.RequestRecord) {
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
		select { // collect for a moment
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

// flush writes all records that wait, and reports whether it could.
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

func (r *Requests) write(ctx context.Context, records []ingest.RequestRecord) error {
	c := wire.NewColumns(wire.OIDUUID, wire.OIDTimestamptz, wire.OIDText, wire.OIDInt4, wire.OIDText, wire.OIDInt4, wire.OIDInt4)
	for _, record := range records {
		id, err := uuid.Parse(record.RequestID)
		if err != nil {
			continue // not an id that relay gave
		}
		c[0].Bytes(id[:])
		c[1].Instant(segment.InstantOf(record.ReceivedAt))
		c[2].Text(record.Source)
		c[3].Int4(int32(record.Status))
		c[4].Text(record.Code)
		c[5].Int4(int32(record.Bytes))
		c[6].Int4(int32(record.Calls))
	}
	_, err := r.db.ExecContext(ctx, `INSERT INTO relay_store.refused_requests (request_id, received_at, source, status, code, bytes, calls)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::int[], $5::text[], $6::int[], $7::int[])
ON CONFLICT (request_id) DO NOTHING`, wire.Arguments(c)...)
	return err
}

// DeleteBefore implements app.Expiring.
func (r *Requests) DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error) {
	return postgres.DeleteBefore(ctx, r.db, "relay_store.refused_requests", "received_at", t, limit)
}
