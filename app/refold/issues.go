package refold

import (
	"context"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// IssueCounter counts what a generation's fold ignores in the entries that the
// counter is given. It is not for concurrent use.
type IssueCounter struct {
	generation Generation
	reader     projections.Reader
	fold       projections.Fold
	issues     projections.Issues // of the folds before this one
}

// NewIssueCounter returns a counter that was given no entry yet.
func NewIssueCounter(g Generation) *IssueCounter {
	return &IssueCounter{generation: g, fold: g.Projection.Fold(), issues: projections.Issues{}}
}

// maxFoldSize is how many bytes a counter's fold may hold before the counter
// begins a new one: the rows that it folds as well are of no use.
const maxFoldSize = 16 << 20

// Add counts an entry. Nothing of e is kept.
func (c *IssueCounter) Add(e *eventlog.Entry) {
	c.reader.Read(e, c.generation.Mappings, c.fold)
	if c.fold.Size() > maxFoldSize {
		c.beginFold()
	}
}

// AddRange counts the entries of a range as they are in the log.
func (c *IssueCounter) AddRange(ctx context.Context, tx app.Tx, log app.LogReader, r eventlog.Range) error {
	err := log.Read(ctx, tx, r, c.generation.Kinds(), func(e *eventlog.Entry) error {
		c.Add(e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count what is ignored at log offsets %d to %d: %w", r.After+1, r.UpTo, err)
	}
	return nil
}

// Issues returns what was ignored in all entries so far.
func (c *IssueCounter) Issues() projections.Issues {
	c.beginFold()
	return c.issues
}

// beginFold keeps what the fold ignored, and drops its rows.
func (c *IssueCounter) beginFold() {
	c.issues.Merge(c.fold.Ignored())
	c.fold = c.generation.Projection.Fold()
}
