package replay

import "time"

// Kinds of checks, as the claim to build generations names them.
const (
	Verification = "verification"
	DryRun       = "dry run"
)

// Check is a verification or a dry run of all that there is: it builds aside,
// compares, and drops what it built. A Runner keeps the last one.
type Check struct {
	Kind      string
	StartedAt time.Time
	EndedAt   time.Time // zero while it runs
	Progress  Progress
	Found
	Err error // why it ended early; ErrCancelled if somebody wanted that
}

// Found is what a check found, in the end or until it failed.
type Found struct {
	Verified []Verified // by a verification
	Preview  *Preview   // by a dry run
}
