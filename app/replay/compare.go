package replay

import (
	"context"
	"errors"
	"sync"

	"relay/app"
	"relay/domain/eventlog"
)

// compare brings a target to the offset at which the served generation stands, and
// calls do in a snapshot that was taken while neither could move. It returns that
// offset. It repeats all of that while what it has to lock is in use.
func (b *build) compare(ctx context.Context, t *target, do func(tx app.Tx, served, rebuilt int64) error) (upTo eventlog.Offset, err error) {
	err = app.RetryLocked(ctx, func() error {
		if err := b.catchUp(ctx); err != nil {
			return err
		}
		b.progress.phase(ctx, t.projection.Name, PhaseComparing)
		upTo, err = b.compareOnce(ctx, t, do)
		return err
	})
	return upTo, err
}

func (b *build) compareOnce(
	ctx context.Context, t *target, do func(tx app.Tx, served, rebuilt int64) error,
) (upTo eventlog.Offset, err error) {
	locked, release := make(chan eventlog.Offset), make(chan struct{})
	lockEnded := make(chan error, 1)
	go func() { lockEnded <- b.lockServed(ctx, t.projection.Name, locked, release) }()
	select {
	case err := <-lockEnded:
		return 0, err
	case upTo = <-locked:
	}
	unlock := sync.OnceFunc(func() { close(release) })
	defer unlock()
	if err := b.store.DB.InTx(ctx, func(tx app.Tx) error { return b.lastStep(ctx, tx, t, upTo) }); err != nil {
		return upTo, err
	}
	return upTo, b.store.DB.InSnapshot(ctx, func(tx app.Tx) error {
		served, err := b.store.Generations.Serving(ctx, tx, t.projection.Name) // takes the snapshot
		unlock()
		if err = errors.Join(err, <-lockEnded); err != nil {
			return err
		}
		return do(tx, served.ID, t.generation.ID)
	})
}

// lockServed keeps the served generation where it stands until release is closed.
// It sends that offset on locked.
func (b *build) lockServed(ctx context.Context, projection string, locked chan<- eventlog.Offset, release <-chan struct{}) error {
	return b.store.DB.InTx(ctx, func(tx app.Tx) error {
		served, err := b.store.Generations.LockServing(ctx, tx, projection)
		if err != nil {
			return err
		}
		locked <- served.Checkpoint
		<-release
		return nil
	})
}
