package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relay/app"
	"relay/app/live"
	"relay/domain/eventlog"
)

// maxLastStep is how many offsets the switch itself may have to take in. It
// keeps the live projection waiting, so it must be few.
const maxLastStep = 2_000

// catchUpAndSwitch follows the live projections until little is left, and then
// does the last step and the switch in one transaction.
func (r *run) catchUpAndSwitch(ctx context.Context) error {
	if err := r.awaitSnapshots(ctx); err != nil {
		return err
	}
	return app.RetryLocked(ctx, func() error {
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		r.progress.phase(ctx, "", PhaseSwitching)
		err := r.DB.InTx(ctx, func(tx app.Tx) error { return r.switchOver(ctx, tx) })
		if errors.Is(err, app.ErrLocked) {
			r.progress.wait(ctx, err)
		}
		return err
	})
}

// snapshotPatience is how long transactions that began before the rows were
// loaded may hold up the switch.
const snapshotPatience = time.Minute

// awaitSnapshots waits for transactions that see the database as it was before
// the rows were loaded: through the views they would find too few of them, or
// none. One that asked the views already holds up the switch by itself.
func (r *run) awaitSnapshots(ctx context.Context) error {
	if r.record.Undoes != 0 {
		return nil // the rows were there all the time
	}
	old, err := r.Snapshots.Snapshots(ctx, nil)
	for began := time.Now(); err == nil && len(old) > 0 && time.Since(began) < snapshotPatience; {
		if app.Rest(ctx, 50*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
		old, err = r.Snapshots.Snapshots(ctx, old)
	}
	if err == nil && len(old) > 0 {
		r.Logger.Warn("transactions that began before the rows were loaded still run; what they ask from now on may miss rows", "transactions", len(old))
	}
	return err
}

// catchUp lets each new generation follow the log as a consumer of its own
// until it is close behind the live one.
func (r *run) catchUp(ctx context.Context) error {
	for i, p := range r.chosen {
		for {
			left, err := r.left(ctx, r.built[i])
			if err != nil {
				return err
			}
			if left <= maxLastStep {
				break
			}
			if err := r.follow(ctx, p, r.built[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// left returns how many offsets a generation is behind the one being served.
func (r *run) left(ctx context.Context, g app.Generation) (left eventlog.Offset, err error) {
	err = r.DB.InTx(ctx, func(tx app.Tx) error {
		served, err := r.Generations.Serving(ctx, tx, g.Projection)
		if err != nil {
			return err
		}
		built, err := r.Generations.Get(ctx, tx, g.ID)
		left = served.Checkpoint - built.Checkpoint
		return err
	})
	return left, err
}

// follow runs the generation's consumer until it has come as far as the live
// one stands now.
func (r *run) follow(ctx context.Context, p app.Projection, g app.Generation) error {
	var target eventlog.Offset
	err := r.DB.InTx(ctx, func(tx app.Tx) error {
		served, err := r.Generations.Serving(ctx, tx, p.Name)
		target = served.Checkpoint
		return err
	})
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	err = r.Projector.Follow(following, p, g.ID, r.replay, func(merged eventlog.Range) {
		if merged.UpTo >= target {
			stop()
		}
	})
	return errors.Join(err, ctx.Err())
}

// switchOver makes the new generations the served ones, in the given
// transaction: the live projections wait for it, readers see the old rows until
// it commits and the new ones after.
func (r *run) switchOver(ctx context.Context, tx app.Tx) error {
	for i, p := range r.chosen {
		served, err := r.Generations.LockServing(ctx, tx, p.Name)
		if err != nil {
			return err
		}
		if err := r.lastStep(ctx, tx, p, r.built[i].ID, served.Checkpoint); err != nil {
			return err
		}
	}
	for i, p := range r.chosen {
		if err := r.serve(ctx, tx, p, r.built[i]); err != nil {
			return err
		}
	}
	return r.recordSwitch(ctx, tx)
}

// serve makes a generation that is complete, but for the parts that it was not
// built with, the one that people query. The one before keeps what it alone has.
func (r *run) serve(ctx context.Context, tx app.Tx, p app.Projection, built app.Generation) error {
	served, err := r.Generations.Serving(ctx, tx, p.Name)
	if err != nil {
		return err
	}
	if err := p.Tables.Schema.Adopt(ctx, tx, served.ID, built.ID); err != nil {
		return fmt.Errorf("adopt what stays of %s: %w", p.Name, err)
	}
	if err := r.Writer.SetParts(ctx, tx, served.ID, p.Parts); err != nil {
		return err
	}
	whole, _ := r.projection(p.Name)
	if err := r.Writer.SetParts(ctx, tx, built.ID, whole.Parts); err != nil {
		return err
	}
	if err := p.Tables.Views.Serve(ctx, tx, built.ID); err != nil {
		return fmt.Errorf("point the views of %s at the new generation: %w", p.Name, err)
	}
	return r.Writer.Promote(ctx, tx, built.ID, r.record.ID)
}

// lastStep brings a generation to exactly where the served one stands.
func (r *run) lastStep(ctx context.Context, tx app.Tx, p app.Projection, id int64, upTo eventlog.Offset) error {
	built, err := r.Generations.Get(ctx, tx, id)
	if err != nil {
		return err
	}
	last := live.NewFollower(r.Projector, p, r.replay)
	rest := eventlog.Range{After: built.Checkpoint, UpTo: upTo}
	if rest.Empty() {
		return nil
	}
	if rest.UpTo-rest.After > 5*maxLastStep {
		return fmt.Errorf("%w: the live projection of %s moved on too far", app.ErrLocked, p.Name)
	}
	if err := last.Merge(ctx, app.Batch{Tx: tx, Generation: id, Range: rest}); err != nil {
		return err
	}
	return r.Checkpoints.Move(ctx, tx, id, upTo)
}

// recordSwitch writes the control entry and what follows from it. The log's lock
// is taken last, so that ingest waits for nothing but this.
func (r *run) recordSwitch(ctx context.Context, tx app.Tx) error {
	if err := r.Controls.Lock(ctx, tx); err != nil {
		return err
	}
	offset, err := r.Controls.Append(ctx, tx, r.record.AsControl(r.record.Projections))
	if err != nil {
		return err
	}
	if err := r.Outcomes.Switched(ctx, tx, r.record.ID, offset); err != nil {
		return err
	}
	history, err := app.ReadHistory(ctx, tx, r.Controls)
	if err != nil {
		return err
	}
	if err := r.Timelines.Save(ctx, tx, history); err != nil {
		return err
	}
	return r.Outcomes.End(ctx, tx, r.record.ID, nil)
}
