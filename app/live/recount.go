package live

import (
	"context"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// Recount counts anew what a projection's fold ignores.
type Recount struct {
	Projection app.Projection
	Mappings   projections.Mappings
	reader     projections.Reader
	fold       projections.Fold
	issues     projections.Issues

	UpTo     eventlog.Offset // what is counted
	Controls eventlog.Offset // the last control entry when it began
}

func NewRecount(p app.Projection, mappings projections.Mappings) *Recount {
	return &Recount{Projection: p, Mappings: mappings, fold: p.Fold(), issues: projections.Issues{}}
}

// recountSize is how many bytes of rows, which nobody wants, a recount may hold.
const recountSize = 16 << 20

func (c *Recount) Add(e *eventlog.Entry) {
	c.reader.Read(e, c.Mappings, c.fold)
	if c.fold.Size() > recountSize {
		c.issues, c.fold = c.Total(), c.Projection.Fold()
	}
}

func (c *Recount) Total() projections.Issues {
	c.issues.Merge(c.fold.Ignored())
	return c.issues
}

// Read counts a range as it stands in the log.
func (c *Recount) Read(ctx context.Context, tx app.Tx, log app.LogReader, r eventlog.Range) error {
	err := log.Read(ctx, tx, r, c.Projection.Under(c.Mappings).Kinds, func(e *eventlog.Entry) error {
		c.Add(e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count anew what is ignored: %w", err)
	}
	return nil
}
