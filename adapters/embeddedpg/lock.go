package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// lock is a flock on a file. The kernel releases it when the process ends,
// however it ends, so a count of users can never be stale. Programs that this
// process starts close the file when they start to run, see release.
type lock struct {
	file *os.File
}

const (
	shared    = syscall.LOCK_SH
	exclusive = syscall.LOCK_EX
)

var errHeld = errors.New("locked by another relay command that starts or stops the server")

// tryAcquire returns errHeld if somebody else has the lock.
func tryAcquire(path string, how int) (*lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open a lock file in the data folder: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if err == nil {
		return &lock{file}, nil
	}
	file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w", path, errHeld)
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// acquire waits for the lock until ctx ends.
func acquire(ctx context.Context, path string, how int) (*lock, error) {
	return retry(ctx, 20*time.Millisecond, 2*patience, func() (*lock, error) {
		l, err := tryAcquire(path, how)
		if err != nil && !errors.Is(err, errHeld) {
			err = backoff.Permanent(err)
		}
		return l, err
	})
}

// release unlocks the file before it closes it. Closing alone is not enough: a
// process that is being forked at that moment has a copy of the file, which
// keeps the lock until its program runs.
func (l *lock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// retry tries until it works, the error is permanent, or time is up.
func retry[T any](ctx context.Context, pause, limit time.Duration, try func() (T, error)) (T, error) {
	return backoff.Retry(ctx, try, backoff.WithBackOff(backoff.NewConstantBackOff(pause)), backoff.WithMaxElapsedTime(limit))
}
