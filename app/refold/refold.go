// Package refold folds entries of the log once more for generations that exist
// already. After an erasure, rows may follow from calls that an erased call had
// shadowed, and the issues that were found only in erased calls are to go. The
// package knows neither whose calls were erased nor which entries are concerned:
// its callers tell.
package refold

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// Generation names a generation and says how its rows were folded.
type Generation struct {
	ID         int64
	Projection app.Projection       // limited to the parts that the generation holds
	Mappings   projections.Mappings // under which the generation was folded
}

// Kinds returns the kinds of the entries that the generation's fold reads.
func (g Generation) Kinds() segment.Kinds { return g.Projection.Under(g.Mappings).Kinds }

// Merger merges entries of the log once more.
type Merger struct {
	DB  app.Database
	Log app.LogReader
}

// Merge folds the entries at the offsets, in the given order, and merges each of
// them into the generation's tables. want chooses the calls that are folded; nil:
// all. The generation's issues stay as they are. An entry that the database
// cannot hold is skipped, as it was when it was projected first. The caller's
// transaction keeps everybody else from changing the generation.
func (m Merger) Merge(
	ctx context.Context, tx app.Tx, g Generation, offsets []eventlog.Offset, want func(*eventlog.Entry, *segment.Call) bool,
) error {
	for _, offset := range offsets {
		err := m.mergeEntry(ctx, tx, g, offset, want)
		if err != nil && !errors.Is(err, app.ErrUnstorable) {
			return fmt.Errorf("fold the entry at log offset %d once more: %w", offset, err)
		}
	}
	return nil
}

func (m Merger) mergeEntry(
	ctx context.Context, tx app.Tx, g Generation, offset eventlog.Offset, want func(*eventlog.Entry, *segment.Call) bool,
) error {
	var reader projections.Reader
	fold := g.Projection.Fold()
	err := app.ReadEach(ctx, tx, m.Log, []eventlog.Offset{offset}, g.Kinds(), func(e *eventlog.Entry) error {
		reader.Read(e, g.Mappings, projections.Chosen{Fold: fold, Want: want})
		return nil
	})
	if err != nil {
		return err
	}
	return m.DB.Try(ctx, tx, func() error { return g.Projection.Tables.Rows.Merge(ctx, tx, g.ID, fold) })
}
