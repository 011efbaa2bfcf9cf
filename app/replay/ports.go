package replay

import (
	"context"
	"errors"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// ErrBusy is returned when another re-projection or verification runs; the
// error says which and since when.
var ErrBusy = errors.New("another re-projection or verification is running")

// BuildLocks gives out the right to build generations.
type BuildLocks interface {
	// Claim makes the caller the only one that builds generations, until the lock
	// is released or the process ends. ErrBusy if somebody else is.
	Claim(ctx context.Context, what string) (BuildLock, error)
}

// BuildLock is the right to build generations.
type BuildLock interface {
	Release()
	// Check returns an error if the lock was lost, as with its connection.
	Check(ctx context.Context) error
}

// Reprojections keeps the records that people read in relay.reprojections.
type Reprojections interface {
	Start(ctx context.Context, tx app.Tx, r Reprojection) (id int64, err error)
	// Restart makes one that failed run again, by this process.
	Restart(ctx context.Context, tx app.Tx, id int64) error
	// Get returns a re-projection; app.ErrNotFound if there is none.
	Get(ctx context.Context, tx app.Tx, id int64) (Reprojection, error)
	// LastDone returns the newest one that was done; app.ErrNotFound if there is
	// none.
	LastDone(ctx context.Context, tx app.Tx) (Reprojection, error)
	// Abandoned marks what a dead process left as failed, or cancelled where
	// somebody asked for that.
	Abandoned(ctx context.Context, tx app.Tx) error
}

// Outcomes records what becomes of a re-projection that runs.
type Outcomes interface {
	Progress(ctx context.Context, p Progress) error
	// Switched records the control entry with which it took effect.
	Switched(ctx context.Context, tx app.Tx, id int64, control eventlog.Offset) error
	// End records how it ended; a nil error is success, ErrCancelled is no failure.
	// It returns ErrCancelled where it is success and somebody wanted the end
	// before.
	End(ctx context.Context, tx app.Tx, id int64, err error) error
}

// Cancellations carries the wish that something ends to the process that runs it.
type Cancellations interface {
	// RequestCancel asks whoever runs a re-projection to stop, and tells whether
	// one runs.
	RequestCancel(ctx context.Context) (bool, error)
	// CancelRequested tells whether somebody asked for it.
	CancelRequested(ctx context.Context, id int64) (bool, error)
	// RequestCheckCancel asks whoever runs a check to stop, until withdraw is
	// called, and tells whether one runs. Where none does, nobody is asked.
	RequestCheckCancel(ctx context.Context) (asked bool, withdraw func(), err error)
	// CheckCancelRequested tells whether somebody asks for it now.
	CheckCancelRequested(ctx context.Context) (bool, error)
}

// Snapshots finds transactions that see the database as of an earlier moment.
type Snapshots interface {
	// Snapshots lists the open transactions that hold a snapshot; with among, only
	// those of that list that are still open.
	Snapshots(ctx context.Context, among []string) ([]string, error)
}

// Checkpoints moves the checkpoints of generations that are built.
type Checkpoints interface {
	// Move sets a generation's checkpoint.
	Move(ctx context.Context, tx app.Tx, id int64, checkpoint eventlog.Offset) error
}

// Issues keeps what the folds of generations ignored.
type Issues interface {
	// SetIssues replaces what a generation's fold ignored, but for what the
	// database could not hold.
	SetIssues(ctx context.Context, tx app.Tx, generation int64, issues projections.Issues) error
	// ClearIssues removes what a generation's fold ignored.
	ClearIssues(ctx context.Context, tx app.Tx, generation int64) error
	// IssuesByCode counts what a generation's fold ignored, for the codes; nil:
	// for all.
	IssuesByCode(ctx context.Context, tx app.Tx, generation int64, codes []string) ([]app.Count, error)
	// CompareIssues is app.Comparing's Compare for what the folds ignored.
	CompareIssues(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error)
}

// LogSize measures what a replay will read.
type LogSize interface {
	// Size returns the number of log rows, and how many bytes they hold, both
	// about so where the log is large.
	Size(ctx context.Context, tx app.Tx, p app.Projection, r eventlog.Range) (rows, bytes int64, err error)
}
