package replay

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/app/live"
	"relay/domain/eventlog"
)

// maxLastStep is how many offsets behind the served generation a target may be
// for the last step. The live projection waits for that step, so it must be
// short.
const maxLastStep = 2_000

// catchUp lets each target follow the log, as a consumer of its own, until it is
// at most maxLastStep behind the generation being served.
func (b *build) catchUp(ctx context.Context) error {
	for _, t := range b.targets {
		for {
			reached, served, err := b.checkpoints(ctx, t)
			if err != nil {
				return err
			}
			if served-reached <= maxLastStep {
				break
			}
			if err := b.consumeUpTo(ctx, t, served); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkpoints returns how far a target has come, and how far the generation being
// served.
func (b *build) checkpoints(ctx context.Context, t *target) (reached, served eventlog.Offset, err error) {
	err = b.store.DB.InTx(ctx, func(tx app.Tx) error {
		serving, err := b.store.Generations.Serving(ctx, tx, t.projection.Name)
		if err != nil {
			return err
		}
		built, err := b.builder.Checkpoints.Get(ctx, tx, t.generation.ID)
		reached, served = built.Checkpoint, serving.Checkpoint
		return err
	})
	return reached, served, err
}

// consumeUpTo runs the target's consumer until it has reached the offset.
func (b *build) consumeUpTo(ctx context.Context, t *target, upTo eventlog.Offset) error {
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	err := b.builder.Projector.Follow(consuming, t.projection, t.generation.ID, b.change, func(merged eventlog.Range) {
		if merged.UpTo >= upTo {
			stop()
		}
	})
	return errors.Join(err, ctx.Err())
}

// lastStep brings a target to exactly the offset upTo, in a transaction that keeps
// the served generation there. ErrLocked if that is too far for a short step.
func (b *build) lastStep(ctx context.Context, tx app.Tx, t *target, upTo eventlog.Offset) error {
	built, err := b.builder.Checkpoints.Get(ctx, tx, t.generation.ID)
	if err != nil {
		return err
	}
	left := eventlog.Range{After: built.Checkpoint, UpTo: upTo}
	if left.Empty() {
		return nil
	}
	if left.UpTo-left.After > 5*maxLastStep {
		return fmt.Errorf("%w: the live projection of %s moved on too far", app.ErrLocked, t.projection.Name)
	}
	follower := live.NewFollower(b.builder.Projector, t.projection, b.change)
	if err := follower.Merge(ctx, app.Batch{Tx: tx, Generation: built.ID, Range: left}); err != nil {
		return err
	}
	return b.builder.Checkpoints.Move(ctx, tx, built.ID, upTo)
}
