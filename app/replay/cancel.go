package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"relay/app"
)

// ErrCancelled is how a re-projection or a check ends that somebody cancelled.
var ErrCancelled = errors.New("cancelled")

// buildUnlessCancelled is build, until somebody cancels it.
func (r *run) buildUnlessCancelled(ctx context.Context) error {
	return r.watched(ctx, r.build)
}

// watched runs do while it watches the live projections, the claim, and whether
// somebody cancels the run.
func (r *run) watched(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go r.watch(ctx, cancel)
	err := do(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// watch ends the context when the run is cancelled or its claim lost. What it
// cannot ask now it asks again a moment later.
func (r *run) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if live, err := r.Live.Live(ctx); err == nil {
			r.progress.live.look(live, time.Now())
		}
		if err := r.claim.Check(ctx); err != nil && ctx.Err() == nil {
			cancel(fmt.Errorf("%w: the claim to build generations was lost: %w", app.ErrDatabase, err))
			return
		}
		if requested, err := r.cancelRequested(ctx); err == nil && requested {
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

// cancelRequested tells whether somebody wants the run to end.
func (r *run) cancelRequested(ctx context.Context) (bool, error) {
	if r.record.ID == 0 {
		return r.Cancellations.CheckCancelRequested(ctx)
	}
	return r.Cancellations.CancelRequested(ctx, r.record.ID)
}

// Cancel ends the re-projection or check that runs, or else removes what a dead
// re-projection left. It returns when nothing is left of it, and tells whether
// there was one.
func (r *Reprojector) Cancel(ctx context.Context) (bool, error) {
	if found, err := r.cancelCheck(ctx); found || err != nil {
		return found, err
	}
	requested, err := r.Cancellations.RequestCancel(ctx)
	if err != nil {
		return false, fmt.Errorf("ask for the cancellation: %w", err)
	}
	claim, err := r.claimAfter(ctx)
	if err != nil {
		return requested, err
	}
	defer claim.Release()
	interrupted := false
	err = r.dropUnserved(ctx, func(g app.Generation) bool {
		building := g.Status == app.Building
		interrupted = interrupted || building && g.Reprojection != 0
		return building
	})
	return requested || interrupted, errors.Join(err, r.markAbandoned(ctx))
}

// cancelCheck ends a check. What an interrupted re-projection keeps stays: the
// check left it alone, too.
func (r *Reprojector) cancelCheck(ctx context.Context) (bool, error) {
	asked, withdraw, err := r.Cancellations.RequestCheckCancel(ctx)
	if err != nil {
		return false, fmt.Errorf("ask for the cancellation: %w", err)
	}
	if !asked {
		return false, nil
	}
	claim, err := r.claimAfter(ctx)
	withdraw() // before another check can begin
	if err != nil {
		return true, err
	}
	defer claim.Release()
	return true, r.dropAside(ctx)
}

// claimAfter waits for the claim of whoever was asked to stop.
func (r *Reprojector) claimAfter(ctx context.Context) (BuildLock, error) {
	claim, err := backoff.Retry(ctx, func() (BuildLock, error) {
		claim, err := r.Locks.Claim(ctx, "cancellation")
		if err != nil && !errors.Is(err, ErrBusy) {
			err = backoff.Permanent(err)
		}
		return claim, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(watchEvery)), backoff.WithMaxElapsedTime(10*time.Minute))
	if err != nil {
		return nil, fmt.Errorf("it was asked to stop and still runs: %w", err)
	}
	return claim, nil
}
