package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/replay"
	"relay/domain/eventlog"
)

// Reprojections keeps the records of re-projections in relay_store.reprojections,
// and what processes that run them tell each other.
type Reprojections struct {
	DB *sql.DB
}

var (
	_ replay.Reprojections = Reprojections{}
	_ replay.Outcomes      = Reprojections{}
	_ replay.BuildLocks    = Reprojections{}
	_ replay.Cancellations = Reprojections{}
	_ replay.Snapshots     = Reprojections{}
)

// Interrupted is the condition that a re-projection runs by its status alone: its
// process ended. A standby does not show who holds the claim.
var Interrupted = `status = 'running' AND NOT pg_is_in_recovery() AND NOT ` + postgres.Builds.Held()

// Claim implements replay.BuildLocks. The lock belongs to a connection of its
// own, so it ends with the process, however that ends.
func (r Reprojections) Claim(ctx context.Context, what string) (replay.BuildLock, error) {
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect for the claim: %w", err)
	}
	var got bool
	if err := conn.QueryRowContext(ctx, `SELECT `+postgres.Builds.Try()).Scan(&got); err != nil {
		conn.Close()
		return nil, fmt.Errorf("claim the right to build generations: %w", err)
	}
	if !got {
		conn.Close()
		return nil, fmt.Errorf("%w: %s", replay.ErrBusy, r.holder(ctx))
	}
	name := fmt.Sprintf("%s, process %d", claimName(what), os.Getpid())
	if _, err := conn.ExecContext(ctx, `SELECT set_config('application_name', $1, false)`, name); err != nil {
		conn.Close()
		return nil, fmt.Errorf("name the claim: %w", err)
	}
	return claim{conn}, nil
}

// claimName is what the connection of a claim is called.
func claimName(what string) string { return "relay " + what }

// claim implements replay.BuildLock.
type claim struct {
	conn *sql.Conn
}

// Check implements replay.BuildLock. The end of ctx does not end the question, since
// that would end the connection, and the claim with it.
func (c claim) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return c.conn.PingContext(ctx)
}

// Release implements replay.BuildLock.
func (c claim) Release() {
	postgres.Unlock(c.conn, `SELECT `+postgres.Builds.Unlock()+`, set_config('application_name', 'relay', false)`)
}

// holder says who has the claim.
func (r Reprojections) holder(ctx context.Context) string {
	var name, since string
	err := r.DB.QueryRowContext(ctx, `SELECT a.application_name, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE `+postgres.Builds.Row()).Scan(&name, &since)
	if err != nil {
		return "it ended just now; try again"
	}
	return name + ", connected since " + since
}

// Abandoned implements replay.Reprojections.
func (Reprojections) Abandoned(ctx context.Context, tx app.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE relay_store.reprojections SET finished_at = now(),
    status = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END,
    error = 'the process that ran it (' || owner || ') ended while ' || phase || CASE WHEN cancel_requested THEN ''
        ELSE '; relay reproject --resume goes on from there, unless another one took its place' END WHERE status = 'running'`)
	return err
}

// Start implements replay.Reprojections.
func (Reprojections) Start(ctx context.Context, tx app.Tx, p replay.Reprojection) (id int64, err error) {
	err = tx.QueryRowContext(ctx, `INSERT INTO relay_store.reprojections
    (projections, rebuilt, from_offset, mapping_version, as_of, undoes, status, phase, owner)
VALUES ($1, $2, $3, $4, $5, nullif($6, 0), 'running', $7, $8) RETURNING id`,
		pq.Array(p.Projections), pq.Array(append([]string{}, p.Rebuilt...)), int64(p.From), p.Version, int64(p.AsOf),
		p.Undoes, replay.PhasePlanning, owner()).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("record the re-projection: %w", err)
	}
	return id, nil
}

// owner names this process for people.
func owner() string {
	host, _ := os.Hostname() // none is no harm
	return fmt.Sprintf("process %d on %s", os.Getpid(), host)
}

// Restart implements replay.Reprojections.
func (Reprojections) Restart(ctx context.Context, tx app.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE relay_store.reprojections
SET status = 'running', owner = $2, error = NULL, finished_at = NULL, cancel_requested = false WHERE id = $1`, id, owner())
	return failed(err, "record that re-projection %d goes on", id)
}

const selectReprojection = `SELECT id, projections, rebuilt, from_offset, mapping_version, as_of, coalesce(undoes, 0),
    coalesce(control_offset, 0) FROM relay_store.reprojections `

// Get implements replay.Reprojections.
func (Reprojections) Get(ctx context.Context, tx app.Tx, id int64) (replay.Reprojection, error) {
	return scanReprojection(tx.QueryRowContext(ctx, selectReprojection+`WHERE id = $1`, id))
}

// ControlOf implements erasure.Reprojections.
func (r Reprojections) ControlOf(ctx context.Context, tx app.Tx, id int64) (eventlog.Offset, error) {
	done, err := r.Get(ctx, tx, id)
	return done.Control, err
}

// LastDone implements replay.Reprojections.
func (Reprojections) LastDone(ctx context.Context, tx app.Tx) (replay.Reprojection, error) {
	return scanReprojection(tx.QueryRowContext(ctx, selectReprojection+`WHERE control_offset IS NOT NULL
ORDER BY control_offset DESC LIMIT 1`))
}

func scanReprojection(row *sql.Row) (p replay.Reprojection, err error) {
	err = row.Scan(&p.ID, pq.Array(&p.Projections), pq.Array(&p.Rebuilt), &p.From, &p.Version, &p.AsOf, &p.Undoes, &p.Control)
	if err != nil {
		return p, fmt.Errorf("look up a re-projection: %w", postgres.Translate(err))
	}
	return p, nil
}

// Switched implements replay.Outcomes. A process that lost its claim with a
// connection may find that another one cleaned up after it.
func (Reprojections) Switched(ctx context.Context, tx app.Tx, id int64, control eventlog.Offset) error {
	result, err := tx.ExecContext(ctx, `UPDATE relay_store.reprojections SET control_offset = $2
WHERE id = $1 AND status = 'running' AND owner = $3`, id, int64(control), owner())
	if err != nil {
		return fmt.Errorf("record the switch of re-projection %d: %w", id, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("re-projection %d was taken over by another process, see relay.reprojections", id)
	}
	return nil
}

// Progress implements replay.Outcomes.
func (r Reprojections) Progress(ctx context.Context, p replay.Progress) error {
	_, err := r.DB.ExecContext(ctx, `UPDATE relay_store.reprojections SET phase = $2, done = $3, total = $4, calls = $5,
    calls_per_second = $6, issues = $7, live_rows_per_second = $8, live_lag_seconds = $9, error = $11,
    expected_at = CASE WHEN $10::float8 > 0 THEN now() + $10::float8 * interval '1 second' END
WHERE id = $1 AND status = 'running'`,
		p.ID, p.Phase, p.Done, p.Total, p.Calls, p.CallsPerSecond, p.Issues, p.Live.RowsPerSecond,
		p.Live.Lag.Seconds(), p.Left.Seconds(), waitingText(p.Waiting))
	return err
}

func waitingText(why error) (text sql.NullString) {
	if why != nil {
		text = sql.NullString{String: "will be tried again: " + why.Error(), Valid: true}
	}
	return text
}

// RequestCancel implements replay.Cancellations.
func (r Reprojections) RequestCancel(ctx context.Context) (bool, error) {
	result, err := r.DB.ExecContext(ctx, `UPDATE relay_store.reprojections SET cancel_requested = true WHERE status = 'running'`)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// CancelRequested implements replay.Cancellations.
func (r Reprojections) CancelRequested(ctx context.Context, id int64) (requested bool, err error) {
	err = r.DB.QueryRowContext(ctx, `SELECT cancel_requested FROM relay_store.reprojections WHERE id = $1`, id).Scan(&requested)
	return requested, err
}

// RequestCheckCancel implements replay.Cancellations. The request is a lock of a
// connection of its own, so it is gone with whoever asked.
func (r Reprojections) RequestCheckCancel(ctx context.Context) (asked bool, withdraw func(), err error) {
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return false, nil, fmt.Errorf("connect for the request: %w", err)
	}
	err = conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE `+postgres.Builds.Row()+` AND (starts_with(a.application_name, $1) OR starts_with(a.application_name, $2)))`,
		claimName(replay.Verification), claimName(replay.DryRun)).Scan(&asked)
	if err != nil || !asked {
		conn.Close()
		return false, nil, err
	}
	withdraw = func() { postgres.Unlock(conn, `SELECT `+postgres.StopChecks.UnlockShared()) }
	if _, err := conn.ExecContext(ctx, `SELECT `+postgres.StopChecks.Shared()); err != nil {
		withdraw()
		return false, nil, err
	}
	return true, withdraw, nil
}

// CheckCancelRequested implements replay.Cancellations.
func (r Reprojections) CheckCancelRequested(ctx context.Context) (requested bool, err error) {
	err = r.DB.QueryRowContext(ctx, `SELECT `+postgres.StopChecks.Held()).Scan(&requested)
	return requested, err
}

// Snapshots implements replay.Snapshots. A transaction that takes a new snapshot
// for each statement holds none between them, and a later one most often begins
// later. Sessions of other users are seen by members of pg_read_all_stats alone.
func (r Reprojections) Snapshots(ctx context.Context, among []string) (list []string, err error) {
	err = r.DB.QueryRowContext(ctx, `SELECT coalesce(array_agg(s.key), '{}') FROM (
    SELECT concat_ws(' ', pid, xact_start, backend_xmin) AS key FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
) s WHERE $1::text[] IS NULL OR s.key = ANY ($1)`, pq.Array(among)).Scan(pq.Array(&list))
	if err != nil {
		return nil, fmt.Errorf("look for transactions that began before: %w", postgres.Translate(err))
	}
	return list, nil
}

// End implements replay.Outcomes. The row's lock decides between it and
// RequestCancel: whichever comes second sees what the first one wrote.
func (Reprojections) End(ctx context.Context, tx app.Tx, id int64, cause error) error {
	status, text := "done", sql.NullString{}
	switch {
	case errors.Is(cause, replay.ErrCancelled):
		status = "cancelled"
	case cause != nil:
		status, text = "failed", sql.NullString{String: cause.Error(), Valid: true}
	}
	result, err := tx.ExecContext(ctx, `UPDATE relay_store.reprojections SET status = $2, error = $3, finished_at = clock_timestamp(),
    phase = CASE WHEN $2 = 'done' THEN 'done' ELSE phase END WHERE id = $1 AND NOT ($2 = 'done' AND cancel_requested)`, id, status, text)
	if err != nil {
		return fmt.Errorf("record the end of re-projection %d: %w", id, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(replay.ErrCancelled, err)
	}
	return nil
}

// List returns the last re-projections as relay.reprojections has them, the
// newest first.
func (r Reprojections) List(ctx context.Context, limit int) (list []json.RawMessage, err error) {
	err = postgres.Database(r).InSnapshot(ctx, func(tx app.Tx) error {
		list, err = postgres.ReadJSON(ctx, tx, `SELECT to_jsonb(r) || jsonb_build_object('interrupted', `+Interrupted+`)
FROM relay.reprojections r ORDER BY id DESC LIMIT $1`, limit)
		return err
	})
	return list, err
}
