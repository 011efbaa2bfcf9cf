package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// ErrCancelled is how a re-projection ends that somebody cancelled.
var ErrCancelled = errors.New("cancelled")

// watchCancel is how often a re-projection looks whether it was cancelled.
const watchCancel = 250 * time.Millisecond

// buildUnlessCancelled is build, until somebody cancels it.
func (r *run) buildUnlessCancelled(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go r.watch(ctx, cancel)
	err := r.build(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrCancelled) {
		return ErrCancelled
	}
	return err
}

// watch ends the context when the re-projection is cancelled.
func (r *run) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(watchCancel)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// What cannot be asked now is asked again a moment later.
		if requested, err := r.Reprojections.CancelRequested(ctx, r.record.ID); err == nil && requested {
			cancel(ErrCancelled)
			return
		}
	}
}

// Cancel ends the re-projection that runs, and removes what a dead one left. It
// returns when nothing is left of it, and tells whether there was one.
func (r *Reprojector) Cancel(ctx context.Context) (bool, error) {
	requested, err := r.Reprojections.RequestCancel(ctx)
	if err != nil {
		return false, fmt.Errorf("ask for the cancellation: %w", err)
	}
	release, err := backoff.Retry(ctx, func() (func(), error) {
		release, err := r.Reprojections.Claim(ctx, "cancellation")
		if err != nil && !errors.Is(err, ErrBusy) {
			err = backoff.Permanent(err)
		}
		return release, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(watchCancel)), backoff.WithMaxElapsedTime(10*time.Minute))
	if err != nil {
		return requested, fmt.Errorf("the re-projection was asked to stop and still runs: %w", err)
	}
	defer release()
	return requested, r.CleanUp(ctx)
}
