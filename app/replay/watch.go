package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relay/app"
)

// ErrCancelled is returned by a re-projection or a check that was cancelled.
var ErrCancelled = errors.New("cancelled")

// watchEvery is how often a build looks at the live projections, at its lock, and
// for a cancellation.
const watchEvery = 250 * time.Millisecond

// watched runs do. It ends the context of do, and returns why, when the build is
// cancelled or has lost its lock.
func (b *build) watched(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go b.watch(ctx, cancel)
	err := do(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// watch cancels the context when the build is cancelled or has lost its lock. A
// question that the database does not answer is asked again a moment later.
func (b *build) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if live, err := b.builder.Live.Live(ctx); err == nil {
			b.progress.live.look(live, time.Now())
		}
		if err := b.lock.Check(ctx); err != nil && ctx.Err() == nil {
			cancel(fmt.Errorf("%w: the lock for building generations was lost: %w", app.ErrDatabase, err))
			return
		}
		if requested, err := b.cancelRequested(ctx); err == nil && requested {
			cancel(ErrCancelled)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// cancelRequested reports whether the build is to end: a check has no record, a
// re-projection has one.
func (b *build) cancelRequested(ctx context.Context) (bool, error) {
	if b.progress.id == 0 {
		return b.builder.Cancellations.CheckCancelRequested(ctx)
	}
	return b.builder.Cancellations.CancelRequested(ctx, b.progress.id)
}
