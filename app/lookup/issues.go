package lookup

import (
	"context"
	"time"
)

// IgnoredIssue is what projections had to ignore, and how often: a row of
// relay.issues.
type IgnoredIssue struct {
	Code          string    `json:"code"`
	Source        string    `json:"source"`
	Detail        string    `json:"detail"`
	Count         int64     `json:"count"`
	FirstSeenAt   time.Time `json:"first_seen_at"`
	LastSeenAt    time.Time `json:"last_seen_at"`
	ExampleOffset int64     `json:"example_offset"`
}

// IssueReader reads what projections had to ignore.
type IssueReader interface {
	// Issues returns the most frequent first.
	Issues(ctx context.Context) ([]IgnoredIssue, error)
}
