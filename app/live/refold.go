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

// Refold folds calls of single entries once more, into a generation that the
// caller keeps from moving on.
type Refold struct {
	DB         app.Database
	Log        app.LogReader
	Projection app.Projection
	Generation int64
	Mappings   projections.Mappings
}

// Merge merges the calls of the entries for which want returns true, the entries
// in order. An entry that the database cannot hold is passed over, as it was when
// it was folded first.
func (r Refold) Merge(ctx context.Context, tx app.Tx, entries []eventlog.Offset, want func(*eventlog.Entry, *segment.Call) bool) error {
	var reader projections.Reader
	for _, offset := range entries {
		fold := r.Projection.Fold()
		err := app.ReadEach(ctx, tx, r.Log, []eventlog.Offset{offset}, r.Projection.Under(r.Mappings).Kinds, func(e *eventlog.Entry) error {
			reader.Read(e, r.Mappings, chosenCalls{fold: fold, want: want})
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

// EveryCall asks for all calls.
func EveryCall(*eventlog.Entry, *segment.Call) bool { return true }
