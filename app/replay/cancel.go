package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"relay/app"
)

// Cancel ends the re-projection or check that runs; if none runs, it removes what
// an interrupted re-projection left. It returns when nothing is left, and reports
// whether there was anything to cancel.
func (r *Reprojector) Cancel(ctx context.Context) (bool, error) {
	if found, err := r.cancelCheck(ctx); found || err != nil {
		return found, err
	}
	requested, err := r.Builder.Cancellations.RequestCancel(ctx)
	if err != nil {
		return false, fmt.Errorf("request the cancellation: %w", err)
	}
	lock, err := r.lockAfterStop(ctx)
	if err != nil {
		return requested, err
	}
	defer lock.Release()
	interrupted := false
	err = r.Builder.dropUnserved(ctx, func(g app.Generation) bool {
		interrupted = interrupted || isBuilding(g) && g.Reprojection != 0
		return isBuilding(g)
	})
	return requested || interrupted, errors.Join(err, r.markAbandoned(ctx))
}

// cancelCheck ends a check. What an interrupted re-projection keeps stays, because
// the check left it alone too.
func (r *Reprojector) cancelCheck(ctx context.Context) (bool, error) {
	requested, withdraw, err := r.Builder.Cancellations.RequestCheckCancel(ctx)
	if err != nil {
		return false, fmt.Errorf("request the cancellation: %w", err)
	}
	if !requested {
		return false, nil
	}
	lock, err := r.lockAfterStop(ctx)
	withdraw() // before another check can begin
	if err != nil {
		return true, err
	}
	defer lock.Release()
	return true, r.Builder.dropUnserved(ctx, isOfCheck)
}

// lockAfterStop waits for the build lock of the process that was asked to stop.
func (r *Reprojector) lockAfterStop(ctx context.Context) (BuildLock, error) {
	lock, err := backoff.Retry(ctx, func() (BuildLock, error) {
		lock, err := r.Builder.Locks.Claim(ctx, "cancellation")
		if err != nil && !errors.Is(err, ErrBusy) {
			err = backoff.Permanent(err)
		}
		return lock, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(watchEvery)), backoff.WithMaxElapsedTime(10*time.Minute))
	if err != nil {
		return nil, fmt.Errorf("it was asked to stop and still runs: %w", err)
	}
	return lock, nil
}
