package live

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// Refold folds calls of single entries once more, into a generation that is held.
type Refold struct {
	DB         app.Database
	Log        app.LogReader
	Projection app.Projection
	Generation int64
	Mappings   projections.Mappings
}

// Merge merges what those calls of the entries say that want asks for, the
// entries in order. One that the database cannot hold is passed over, as it was
// before.
func (r Refold) Merge(ctx context.Context, tx app.Tx, entries []eventlog.Offset, want func(*eventlog.Entry, *segment.Call) bool) error {
	var reader projections.Reader
	for _, offset := range entries {
		fold := r.Projection.Fold()
		err := app.ReadEach(ctx, tx, r.Log, []eventlog.Offset{offset}, r.Projection.Under(r.Mappings).Kinds, func(e *eventlog.Entry) error {
			reader.Read(e, r.Mappings, chosenCalls{fold, want})
			return nil
		})
		if err != nil {
			return err
		}
		err = r.DB.Try(ctx, tx, func() error { return r.Projection.Tables.Rows.Merge(ctx, tx, r.Generation, fold) })
		if err != nil && !errors.Is(err, app.ErrUnstorable) {
			return fmt.Errorf("fold the entry at log offset %d again: %w", offset, err)
		}
	}
	return nil
}

// chosenCalls is a fold that takes some calls only.
type chosenCalls struct {
	projections.Fold
	want func(*eventlog.Entry, *segment.Call) bool
}

// Call implements projections.Fold.
func (f chosenCalls) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	if f.want(e, c) {
		f.Fold.Call(e, c, m)
	}
}

// EveryCall asks for all calls.
func EveryCall(*eventlog.Entry, *segment.Call) bool { return true }
