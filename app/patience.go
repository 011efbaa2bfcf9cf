package app

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Wait returns after the time, or when ctx ends.
func Wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ErrLocked is returned by adapters when a lock was not to be had in time:
// somebody uses what is to be replaced or dropped. Trying again may help.
var ErrLocked = errors.New("what is to be changed is in use")

// RetryLocked tries again as long as readers are in the way, ever more rarely:
// each try makes new readers wait for as long as the adapter waits for a lock.
func RetryLocked(ctx context.Context, do func() error) error {
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
