package live

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
)

// Where a mapping begins to join ids, a generation that follows the log needs
// more than it had: tables of links and of what they join, the calls that counted
// for nothing until then, and views that show all of that. The follower prepares
// the generation before the first batch that reaches such a mapping. A generation
// whose mappings join no ids has none of this, and reads no entries for it.

// prepareJoin makes the batch's generation ready for mappings that join ids, if
// they do. It works in transactions of its own: SQL users must not wait for a
// batch. The batch keeps everybody else from moving or replacing the generation
// meanwhile.
func (f *Follower) prepareJoin(ctx context.Context, b app.Batch) error {
	if !f.projection.JoinsUnder(f.mappings) || f.joined {
		return nil
	}
	err := f.projector.DB.InTx(ctx, func(tx app.Tx) error { return f.makeJoined(ctx, tx, b) })
	if err == nil && f.served {
		err = f.projector.DB.InTx(ctx, func(tx app.Tx) error { return f.projection.Tables.Views.Serve(ctx, tx, b.Generation) })
		if errors.Is(err, app.ErrLocked) {
			return nil // SQL users are in the way; the next batch tries again
		}
	}
	if err != nil {
		return fmt.Errorf("make generation %d of %s ready to join ids: %w", b.Generation, f.projection.Name, err)
	}
	f.joined = true
	return nil
}

// makeJoined makes the tables, and merges into the parts that are new what the log
// held for them before the batch.
func (f *Follower) makeJoined(ctx context.Context, tx app.Tx, b app.Batch) error {
	parts, err := f.projection.Tables.Rows.Join(ctx, tx, b.Generation)
	if err != nil || len(parts) == 0 || f.projection.Late == nil {
		return err
	}
	return f.mergeLate(ctx, tx, b, parts)
}

// lateStep is how many offsets are read and merged at once.
const lateStep = 2_000

// mergeLate merges the late calls of the log before the batch into the given
// parts.
func (f *Follower) mergeLate(ctx context.Context, tx app.Tx, b app.Batch, parts []string) error {
	m := merger{
		projector: f.projector, projection: f.projection.Only(parts), mappings: f.mappings,
		kinds: f.projection.Kinds, only: f.projection.Late, reader: &f.reader,
	}
	for after := eventlog.Offset(0); after < b.Range.After; after += lateStep {
		step := app.Batch{Tx: tx, Generation: b.Generation, Range: eventlog.Range{After: after, UpTo: min(after+lateStep, b.Range.After)}}
		if _, err := m.merge(ctx, step); err != nil {
			return err
		}
	}
	return nil
}
