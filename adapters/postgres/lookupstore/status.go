package lookupstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"relay/adapters/postgres"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/lookup"
)

// Statuses implements lookup.StatusReader.
type Statuses struct {
	DB *sql.DB
}

var (
	_ lookup.StatusReader = Statuses{}
	_ app.LiveReader      = Statuses{}
)

// readOnlySQL tells whether the database takes no writes.
const readOnlySQL = `SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean`

const headSQL = `SELECT coalesce((SELECT "offset" FROM relay.log ORDER BY "offset" DESC LIMIT 1), 0)`

// lagSQL: the rows past a checkpoint are found by the primary keys, and only
// counted.
const lagSQL = `SELECT g.projection, g.id, g.checkpoint,
       (SELECT count(*) FROM relay.log l WHERE l."offset" > g.checkpoint),
       coalesce(extract(epoch FROM clock_timestamp() - (
           SELECT l.received_at FROM relay.log l WHERE l."offset" > g.checkpoint ORDER BY l."offset" LIMIT 1)), 0)
FROM relay_store.generations g WHERE g.status = 'serving' ORDER BY g.projection DESC`

// Read implements lookup.StatusReader.
func (s Statuses) Read(ctx context.Context) (status lookup.Status, err error) {
	err = postgres.Database(s).InSnapshot(ctx, func(tx app.Tx) error {
		// Who holds its claim is told as of now, and its status as of the snapshot,
		// which the first statement takes.
		if status.Reprojection, err = readLastRun(ctx, tx); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, readOnlySQL).Scan(&status.ReadOnly); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, headSQL).Scan(&status.Log.Head); err != nil {
			return err
		}
		if status.Projections, err = readLag(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT coalesce((
           SELECT version FROM relay.mapping_timeline WHERE to_offset IS NULL ORDER BY from_offset DESC LIMIT 1), 1),
    coalesce((SELECT sum(count) FROM relay.issues), 0), (SELECT count(*) FROM relay_store.rejected WHERE retried_at IS NULL)`).
			Scan(&status.Mapping.Version, &status.IssuesIgnored, &status.Rejected)
	})
	if err != nil {
		return status, fmt.Errorf("read the status: %w", err)
	}
	return status, nil
}

func readLag(ctx context.Context, tx *sql.Tx) ([]lookup.ProjectionStatus, error) {
	rows, err := tx.QueryContext(ctx, lagSQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []lookup.ProjectionStatus{}
	for rows.Next() {
		var p lookup.ProjectionStatus
		if err := rows.Scan(&p.Name, &p.Generation, &p.Checkpoint, &p.LagRows, &p.LagSeconds); err != nil {
			return nil, err
		}
		p.LagSeconds = max(p.LagSeconds, 0)
		list = append(list, p)
	}
	return list, rows.Err()
}

func readLastRun(ctx context.Context, tx *sql.Tx) (*lookup.RunStatus, error) {
	var r lookup.RunStatus
	var finished, expected sql.NullTime
	var text sql.NullString
	err := tx.QueryRowContext(ctx, `SELECT id, status, phase, done, total, started_at, finished_at, error,
       calls_per_second, issues, expected_at, `+tables.Interrupted+`
FROM relay_store.reprojections ORDER BY id DESC LIMIT 1`).
		Scan(&r.ID, &r.Status, &r.Phase, &r.Done, &r.Total, &r.StartedAt, &finished, &text,
			&r.CallsPerSecond, &r.Issues, &expected, &r.Interrupted)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if finished.Valid {
		r.FinishedAt = &finished.Time
	}
	if expected.Valid && r.Status == "running" && !r.Interrupted {
		r.ExpectedAt = &expected.Time
	}
	r.Error = text.String
	return &r, err
}

// liveSQL: as lagSQL, of the projection that is furthest behind.
const liveSQL = `SELECT coalesce(min(g.checkpoint), 0), coalesce(max(extract(epoch FROM clock_timestamp() -
    (SELECT l.received_at FROM relay.log l WHERE l."offset" > g.checkpoint ORDER BY l."offset" LIMIT 1))), 0)
FROM relay_store.generations g WHERE g.status = 'serving'`

// Live implements app.LiveReader.
func (s Statuses) Live(ctx context.Context) (live app.Live, err error) {
	var seconds float64
	if err := s.DB.QueryRowContext(ctx, liveSQL).Scan(&live.Checkpoint, &seconds); err != nil {
		return live, fmt.Errorf("read how the live projections stand: %w", err)
	}
	live.Lag = time.Duration(max(seconds, 0) * float64(time.Second))
	return live, nil
}
