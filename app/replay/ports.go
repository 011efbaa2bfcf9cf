package replay

import (
	"context"
	"errors"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// ErrBusy is returned while another re-projection, verification or dry run runs;
// the error says which, and since when.
var ErrBusy = errors.New("another re-projection or verification is running")

// BuildLocks hands out the build lock.
type BuildLocks interface {
	// Claim returns the lock for building generations, which one process at a time
	// can have. It is held until it is released or the process ends. what names the
	// use, for ErrBusy of others. ErrBusy if the lock is taken.
	Claim(ctx context.Context, what string) (BuildLock, error)
}

// BuildLock is the lock for building generations.
type BuildLock interface {
	Release()
	// Check returns an error if the lock was lost, such as with its connection.
	Check(ctx context.Context) error
}

// Reprojection is one run of a Reprojector, as it is on record.
type Reprojection struct {
	ID          int64           `json:"id"`
	Projections []string        `json:"projections"` // of which the timeline changes
	Rebuilt     []string        `json:"rebuilt"`     // those of them of which rows change
	From        eventlog.Offset `json:"from_offset"`
	Version     int             `json:"mapping_version"`
	AsOf        eventlog.Offset `json:"-"`                // see app.Replay
	Undoes      int64           `json:"undoes,omitempty"` // the re-projection that it undoes; 0: none
	Control     eventlog.Offset `json:"-"`                // of the control entry that it wrote at the switch
}

// Reprojections keeps the records that people read in relay.reprojections.
type Reprojections interface {
	// Start records a run by this process, and returns its number.
	Start(ctx context.Context, tx app.Tx, r Reprojection) (id int64, err error)
	// Restart records that one that failed runs again, by this process.
	Restart(ctx context.Context, tx app.Tx, id int64) error
	// Get returns a re-projection; app.ErrNotFound if there is none.
	Get(ctx context.Context, tx app.Tx, id int64) (Reprojection, error)
	// LastDone returns the last one that was done; app.ErrNotFound if there is none.
	LastDone(ctx context.Context, tx app.Tx) (Reprojection, error)
	// Abandoned records that the runs of dead processes failed, or were cancelled if
	// that had been requested.
	Abandoned(ctx context.Context, tx app.Tx) error
}

// Outcomes records what becomes of a re-projection that runs.
type Outcomes interface {
	// Progress records how far it has come.
	Progress(ctx context.Context, p Progress) error
	// Switched records the control entry with which it took effect.
	Switched(ctx context.Context, tx app.Tx, id int64, control eventlog.Offset) error
	// End records how it ended: nil is success, ErrCancelled is no failure. It returns
	// ErrCancelled if it would be success but a cancellation was requested before.
	End(ctx context.Context, tx app.Tx, id int64, err error) error
}

// Cancellations carries requests to stop to the process that runs a re-projection or
// a check.
type Cancellations interface {
	// RequestCancel requests that the re-projection that runs stops, and reports
	// whether one runs.
	RequestCancel(ctx context.Context) (bool, error)
	// CancelRequested reports whether that was requested of a re-projection.
	CancelRequested(ctx context.Context, id int64) (bool, error)
	// RequestCheckCancel requests, until withdraw is called, that the check that runs
	// stops, and reports whether one runs. If none runs, it requests nothing.
	RequestCheckCancel(ctx context.Context) (requested bool, withdraw func(), err error)
	// CheckCancelRequested reports whether that is requested now.
	CheckCancelRequested(ctx context.Context) (bool, error)
}

// Snapshots finds transactions that see the database as it was before.
type Snapshots interface {
	// Snapshots lists the open transactions that hold a snapshot; with among, only
	// those of that list that are still open.
	Snapshots(ctx context.Context, among []string) ([]string, error)
}

// Checkpoints reads and moves the checkpoints of generations that are being built.
type Checkpoints interface {
	// Get returns a generation; app.ErrNotFound if there is none.
	Get(ctx context.Context, tx app.Tx, id int64) (app.Generation, error)
	// Move sets a generation's checkpoint: its tables hold everything up to there.
	Move(ctx context.Context, tx app.Tx, id int64, checkpoint eventlog.Offset) error
}

// Issues keeps what the folds of generations ignored.
type Issues interface {
	// SetIssues replaces what a generation's fold ignored. What the database could
	// not hold stays noted.
	SetIssues(ctx context.Context, tx app.Tx, generation int64, issues projections.Issues) error
	// ClearIssues removes what a generation's fold ignored.
	ClearIssues(ctx context.Context, tx app.Tx, generation int64) error
	// IssuesByCode counts what a generation's fold ignored, by code; nil: for all
	// codes.
	IssuesByCode(ctx context.Context, tx app.Tx, generation int64, codes []string) ([]app.Count, error)
	// CompareIssues is app.Comparing's Compare for what the folds ignored.
	CompareIssues(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error)
}

// LogSize measures what a replay will read.
type LogSize interface {
	// Size returns the number of log rows that the projection reads of the range,
	// and the bytes of their payloads. Both are estimates if the log is large.
	Size(ctx context.Context, tx app.Tx, p app.Projection, r eventlog.Range) (rows, bytes int64, err error)
}
