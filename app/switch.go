package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"relay/domain/eventlog"
)

// ErrLocked is returned by adapters when a lock was not to be had in time:
// somebody uses what is to be replaced or dropped. Trying again may help.
var ErrLocked = errors.New("what is to be changed is in use")

// maxLastStep is how many offsets the switch itself may have to take in. It
// keeps the live projection waiting, so it must be few.
const maxLastStep = 2_000

// catchUpAndSwitch follows the live projections until little is left, and then
// does the last step and the switch in one transaction.
func (r *run) catchUpAndSwitch(ctx context.Context) error {
	if err := r.awaitSnapshots(ctx); err != nil {
		return err
	}
	return retryLocked(ctx, func() error {
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		r.progress.phase(ctx, "", PhaseSwitching)
		err := r.DB.InTx(ctx, func(tx Tx) error { return r.switchOver(ctx, tx) })
		if errors.Is(err, ErrLocked) {
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
	old, err := r.Reprojections.Snapshots(ctx, nil)
	for began := time.Now(); err == nil && len(old) > 0 && time.Since(began) < snapshotPatience; {
		if rest(ctx, 50*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
		old, err = r.Reprojections.Snapshots(ctx, old)
	}
	if err == nil && len(old) > 0 {
		r.Logger.Warn("transactions that began before the rows were loaded still run; what they ask from now on may miss rows", "transactions", len(old))
	}
	return err
}

// retryLocked tries again as long as readers are in the way, ever more rarely:
// each try makes new readers wait for as long as the adapter waits for a lock.
func retryLocked(ctx context.Context, do func() error) error {
	pace := backoff.NewExponentialBackOff()
	pace.InitialInterval, pace.MaxInterval = 100*time.Millisecond, 5*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := do()
		if err != nil && !errors.Is(err, ErrLocked) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pace), backoff.WithMaxElapsedTime(10*time.Minute))
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
func (r *run) left(ctx context.Context, g Generation) (left eventlog.Offset, err error) {
	err = r.DB.InTx(ctx, func(tx Tx) error {
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
func (r *run) follow(ctx context.Context, p Projection, g Generation) error {
	var target eventlog.Offset
	err := r.DB.InTx(ctx, func(tx Tx) error {
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
func (r *run) switchOver(ctx context.Context, tx Tx) error {
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
func (r *run) serve(ctx context.Context, tx Tx, p Projection, built Generation) error {
	served, err := r.Generations.Serving(ctx, tx, p.Name)
	if err != nil {
		return err
	}
	if err := p.Tables.Adopt(ctx, tx, served.ID, built.ID); err != nil {
		return fmt.Errorf("adopt what stays of %s: %w", p.Name, err)
	}
	if err := r.Generations.SetParts(ctx, tx, served.ID, p.Parts); err != nil {
		return err
	}
	whole, _ := r.projection(p.Name)
	if err := r.Generations.SetParts(ctx, tx, built.ID, whole.Parts); err != nil {
		return err
	}
	if err := p.Tables.Serve(ctx, tx, built.ID); err != nil {
		return fmt.Errorf("point the views of %s at the new generation: %w", p.Name, err)
	}
	return r.Generations.Promote(ctx, tx, built.ID, r.record.ID)
}

// lastStep brings a generation to exactly where the served one stands.
func (r *run) lastStep(ctx context.Context, tx Tx, p Projection, id int64, upTo eventlog.Offset) error {
	built, err := r.Generations.Get(ctx, tx, id)
	if err != nil {
		return err
	}
	last := follower{projector: r.Projector, projection: p, replay: r.replay}
	rest := eventlog.Range{After: built.Checkpoint, UpTo: upTo}
	if rest.Empty() {
		return nil
	}
	if rest.UpTo-rest.After > 5*maxLastStep {
		return fmt.Errorf("%w: the live projection of %s moved on too far", ErrLocked, p.Name)
	}
	if err := last.merge(ctx, Batch{Tx: tx, Generation: id, Range: rest}); err != nil {
		return err
	}
	return r.Generations.Move(ctx, tx, id, upTo)
}

// recordSwitch writes the control entry and what follows from it. The log's lock
// is taken last, so that ingest waits for nothing but this.
func (r *run) recordSwitch(ctx context.Context, tx Tx) error {
	if err := r.Controls.Lock(ctx, tx); err != nil {
		return err
	}
	offset, err := r.Controls.Append(ctx, tx, r.record.control(r.record.Projections))
	if err != nil {
		return err
	}
	if err := r.Reprojections.Switched(ctx, tx, r.record.ID, offset); err != nil {
		return err
	}
	history, err := ReadHistory(ctx, tx, r.Controls)
	if err != nil {
		return err
	}
	if err := r.Timelines.Save(ctx, tx, history); err != nil {
		return err
	}
	return r.Reprojections.End(ctx, tx, r.record.ID, nil)
}
