package lookup

import (
	"context"
	"time"
)

// Status tells how relay stands.
type Status struct {
	Log           LogStatus          `json:"log"`
	Projections   []ProjectionStatus `json:"projections"`
	Mapping       MappingStatus      `json:"mapping"`
	Reprojection  *RunStatus         `json:"reprojection"` // the one that runs, or the last one; null: never
	IssuesIgnored int64              `json:"issues"`
	Rejected      int64              `json:"rejected"`
	ReadOnly      bool               `json:"read_only,omitempty"` // the database takes nothing in
}

// LogStatus is the log's part of Status.
type LogStatus struct {
	Head int64 `json:"head"` // the greatest offset that is visible
}

// ProjectionStatus is one projection's part of Status.
type ProjectionStatus struct {
	Name       string  `json:"name"`
	Generation int64   `json:"generation"`
	Checkpoint int64   `json:"checkpoint"`
	LagRows    int64   `json:"lag_rows"`    // log rows past the checkpoint
	LagSeconds float64 `json:"lag_seconds"` // age of the oldest of them
}

// MappingStatus is the mapping's part of Status.
type MappingStatus struct {
	Version int `json:"version"`
}

// RunStatus is a re-projection's part of Status.
type RunStatus struct {
	ID         int64      `json:"id"`
	Status     string     `json:"status"`
	Phase      string     `json:"phase"`
	Done       int64      `json:"done"`
	Total      int64      `json:"total"`
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Error      string     `json:"error,omitempty"`
	// Interrupted: its process ended while it was running, and it can be resumed.
	Interrupted bool `json:"interrupted,omitempty"`

	CallsPerSecond float64    `json:"calls_per_second"`
	Issues         int64      `json:"issues"`                // ignored so far
	ExpectedAt     *time.Time `json:"expected_at,omitempty"` // when reading will be done
}

// StatusReader reads Status in one snapshot.
type StatusReader interface {
	Read(ctx context.Context) (Status, error)
}

// Finding is something that relay's doctor found wrong.
type Finding struct {
	Severity string `json:"severity"` // "danger": data can be lost; "warning": something is slow or left over
	What     string `json:"what"`
	Do       string `json:"do"`
}

// Doctor looks for what is wrong.
type Doctor interface {
	Examine(ctx context.Context) ([]Finding, error)
}
