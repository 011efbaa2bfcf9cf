package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relay/app"
)

// cleanUp removes what dead processes left behind, resumable re-projections
// included. The caller holds the build lock.
func (r *Reprojector) cleanUp(ctx context.Context) error {
	if err := r.markAbandoned(ctx); err != nil {
		return err
	}
	return r.Builder.dropUnserved(ctx, isBuilding)
}

// cleanUpChecks is cleanUp, resumable re-projections not included.
func (r *Reprojector) cleanUpChecks(ctx context.Context) error {
	if err := r.markAbandoned(ctx); err != nil {
		return err
	}
	return r.Builder.dropUnserved(ctx, isOfCheck)
}

// markAbandoned records that re-projections ended of which the process died.
func (r *Reprojector) markAbandoned(ctx context.Context) error {
	err := r.Builder.Store.DB.InTx(ctx, func(tx app.Tx) error { return r.Reprojections.Abandoned(ctx, tx) })
	if err != nil {
		return fmt.Errorf("record the end of re-projections whose process died: %w", err)
	}
	return nil
}

// cleanUpPatience is how long the end of a run, good or bad, may take to clean up.
const cleanUpPatience = 10 * time.Second

// dropOlder drops the former generations, except for those that this run
// replaced: they are kept so that the run can be undone. A reader in a long
// transaction can keep one from being dropped; then a later run drops it.
func (r *run) dropOlder(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanUpPatience)
	defer cancel()
	err := r.build.builder.dropUnserved(ctx, func(g app.Generation) bool { return isFormer(g) && g.RetiredBy != r.record.ID })
	if err != nil {
		r.build.builder.Logger.Warn("a former generation stays until the next re-projection", "error", err)
	}
}

// fail records why the run ended. What it built is kept if the run can be resumed,
// and dropped otherwise. The former generations that an undoing failed to switch to
// stay what they were.
func (r *run) fail(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpPatience)
	defer cancel()
	keep := r.record.Undoes != 0
	switch {
	case keep:
	case resumable(cause):
		keep = true
		cause = fmt.Errorf("%w; relay reproject --resume goes on from here, --cancel removes what was built", cause)
	case errors.Is(cause, app.ErrDiskFull):
		cause = fmt.Errorf("%w; what was built was removed to free the space", cause)
	}
	var err error
	if !keep {
		err = r.build.builder.dropUnserved(ctx, isBuilding)
	}
	recorded := r.store.DB.InTx(ctx, func(tx app.Tx) error { return r.build.builder.Outcomes.End(ctx, tx, r.record.ID, cause) })
	if err = errors.Join(err, recorded); err != nil {
		r.build.builder.Logger.Warn("the next re-projection will clean up", "error", err)
	}
	return cause
}

// resumable reports whether what was built is worth keeping: the run was
// interrupted, or the database or a lock was not available.
func resumable(cause error) bool {
	return !errors.Is(cause, ErrCancelled) &&
		(errors.Is(cause, context.Canceled) || errors.Is(cause, app.ErrDatabase) || errors.Is(cause, app.ErrLocked))
}
