package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relay/app"
)

// snapshotPatience is how long transactions that began before the rows were
// loaded may delay the switch.
const snapshotPatience = time.Minute

// awaitSnapshots waits for transactions that see the database as it was before
// the rows were loaded: through the views they would find some or all of the new
// rows missing. A transaction that has queried the views already delays the switch
// by its locks.
func (r *run) awaitSnapshots(ctx context.Context) error {
	if r.record.Undoes != 0 {
		return nil // the rows have been there all the time
	}
	old, err := r.reprojector.Snapshots.Snapshots(ctx, nil)
	for began := time.Now(); err == nil && len(old) > 0 && time.Since(began) < snapshotPatience; {
		if app.Wait(ctx, 50*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
		old, err = r.reprojector.Snapshots.Snapshots(ctx, old)
	}
	if err == nil && len(old) > 0 {
		r.build.builder.Logger.Warn("transactions that began before the rows were loaded still run; their next queries may miss rows",
			"transactions", len(old))
	}
	return err
}

// catchUpAndSwitch lets the targets catch up with the live projections, and does
// the last step and the switch in one transaction. It repeats both while what
// the switch has to lock is in use.
func (r *run) catchUpAndSwitch(ctx context.Context) error {
	return app.RetryLocked(ctx, func() error {
		if err := r.build.catchUp(ctx); err != nil {
			return err
		}
		r.build.progress.phase(ctx, "", PhaseSwitching)
		err := r.store.DB.InTx(ctx, func(tx app.Tx) error { return r.switchOver(ctx, tx) })
		if errors.Is(err, app.ErrLocked) {
			r.build.progress.wait(ctx, err)
		}
		return err
	})
}

// switchOver makes the targets the served generations. The live projections wait
// for the transaction; readers see the old rows until it commits, and the new rows
// from then on.
func (r *run) switchOver(ctx context.Context, tx app.Tx) error {
	for _, t := range r.build.targets {
		served, err := r.store.Generations.LockServing(ctx, tx, t.projection.Name)
		if err != nil {
			return err
		}
		if err := r.build.lastStep(ctx, tx, t, served.Checkpoint); err != nil {
			return err
		}
	}
	for _, t := range r.build.targets {
		if err := r.serve(ctx, tx, t); err != nil {
			return err
		}
	}
	return r.recordSwitch(ctx, tx)
}

// serve makes a target the generation that people query. The target adopts the
// parts that were not rebuilt; the generation before it keeps the others.
func (r *run) serve(ctx context.Context, tx app.Tx, t *target) error {
	p, writer := t.projection, r.build.builder.Writer
	served, err := r.store.Generations.Serving(ctx, tx, p.Name)
	if err != nil {
		return err
	}
	if err := p.Tables.Schema.Adopt(ctx, tx, served.ID, t.generation.ID); err != nil {
		return fmt.Errorf("adopt what stays of %s: %w", p.Name, err)
	}
	if err := writer.SetParts(ctx, tx, served.ID, p.Parts); err != nil {
		return err
	}
	whole, _ := r.store.projection(p.Name)
	if err := writer.SetParts(ctx, tx, t.generation.ID, whole.Parts); err != nil {
		return err
	}
	if err := p.Tables.Views.Serve(ctx, tx, t.generation.ID); err != nil {
		return fmt.Errorf("point the views of %s at the new generation: %w", p.Name, err)
	}
	return writer.Promote(ctx, tx, t.generation.ID, r.record.ID)
}

// recordSwitch writes the control entry, the timelines that follow from it, and
// the end of the run. The log's lock is taken last, so that ingest waits for
// nothing but this.
func (r *run) recordSwitch(ctx context.Context, tx app.Tx) error {
	controls, outcomes := r.store.Controls, r.build.builder.Outcomes
	if err := controls.Lock(ctx, tx); err != nil {
		return err
	}
	offset, err := controls.Append(ctx, tx, r.build.change.AsControl(r.record.Projections))
	if err != nil {
		return err
	}
	if err := outcomes.Switched(ctx, tx, r.record.ID, offset); err != nil {
		return err
	}
	history, err := app.ReadHistory(ctx, tx, controls)
	if err != nil {
		return err
	}
	if err := r.reprojector.Timelines.Save(ctx, tx, history); err != nil {
		return err
	}
	return outcomes.End(ctx, tx, r.record.ID, nil)
}
