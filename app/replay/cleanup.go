package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relay/app"
)

// CleanUp removes what dead processes left, what could be resumed too. The
// caller holds the claim.
func (r *Reprojector) CleanUp(ctx context.Context) error {
	if err := r.markAbandoned(ctx); err != nil {
		return err
	}
	return r.dropUnserved(ctx, func(g app.Generation) bool { return g.Status == app.Building })
}

func (r *Reprojector) markAbandoned(ctx context.Context) error {
	if err := r.DB.InTx(ctx, func(tx app.Tx) error { return r.Reprojections.Abandoned(ctx, tx) }); err != nil {
		return fmt.Errorf("mark what a dead process left: %w", err)
	}
	return nil
}

// dropAside removes what was built only to be compared.
func (r *Reprojector) dropAside(ctx context.Context) error {
	return r.dropUnserved(ctx, func(g app.Generation) bool { return g.Status == app.Building && g.Reprojection == 0 })
}

// Former tells how many generations there are that re-projections took the
// place of.
func (r *Reprojector) Former(ctx context.Context) (n int, err error) {
	err = r.DB.InTx(ctx, func(tx app.Tx) error {
		unserved, err := r.Generations.Unserved(ctx, tx)
		for _, g := range unserved {
			if g.Status == app.Former {
				n++
			}
		}
		return err
	})
	return n, err
}

// DropFormer removes the generations that re-projections took the place of.
// None can be undone after it. It tells how many there were.
func (r *Reprojector) DropFormer(ctx context.Context) (dropped int, err error) {
	claim, err := r.Locks.Claim(ctx, "removal of former generations")
	if err != nil {
		return 0, err
	}
	defer claim.Release()
	err = r.dropUnserved(ctx, func(g app.Generation) bool {
		if g.Status == app.Former {
			dropped++
		}
		return g.Status == app.Former
	})
	return dropped, err
}

// dropUnserved drops those of the generations that nobody queries that are not
// wanted, one a transaction, since each takes locks.
func (r *Reprojector) dropUnserved(ctx context.Context, unwanted func(app.Generation) bool) error {
	var unserved []app.Generation
	err := r.DB.InTx(ctx, func(tx app.Tx) (err error) {
		unserved, err = r.Generations.Unserved(ctx, tx)
		return err
	})
	for _, g := range unserved {
		if unwanted(g) {
			err = errors.Join(err, r.drop(ctx, g))
		}
	}
	if err != nil {
		return fmt.Errorf("drop generations that nobody queries: %w", err)
	}
	return nil
}

func (r *Reprojector) drop(ctx context.Context, g app.Generation) error {
	p, ok := r.projection(g.Projection)
	if !ok {
		return fmt.Errorf("generation %d is of an unknown projection %q", g.ID, g.Projection)
	}
	return app.RetryLocked(ctx, func() error {
		return r.DB.InTx(ctx, func(tx app.Tx) error {
			if err := p.Tables.Schema.Drop(ctx, tx, g.ID); err != nil {
				return err
			}
			return r.Writer.Delete(ctx, tx, g.ID)
		})
	})
}

// dropWithin is how long a run that is done otherwise goes on to clean up.
const dropWithin = 10 * time.Second

// dropOlder drops the former generations but for those that this run took the
// place of, which are kept to undo it. A reader in a long transaction can hold
// them; then a later run drops them.
func (r *run) dropOlder(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, dropWithin)
	defer cancel()
	err := r.dropUnserved(ctx, func(g app.Generation) bool { return g.Status == app.Former && g.RetiredBy != r.record.ID })
	if err != nil {
		r.Logger.Warn("a former generation stays until the next re-projection", "error", err)
	}
}

// fail records why the run ended. What it built stays where going on makes
// sense, and is dropped otherwise.
func (r *run) fail(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var err error
	switch {
	case r.record.Undoes != 0:
	case resumable(cause):
		cause = fmt.Errorf("%w; relay reproject --resume goes on from here, --cancel removes what was built", cause)
	case errors.Is(cause, app.ErrDiskFull):
		cause = fmt.Errorf("%w; what was built was removed to free the space", cause)
		fallthrough
	default:
		err = r.dropUnserved(ctx, func(g app.Generation) bool { return g.Status == app.Building })
	}
	recorded := r.DB.InTx(ctx, func(tx app.Tx) error { return r.Outcomes.End(ctx, tx, r.record.ID, cause) })
	if err = errors.Join(err, recorded); err != nil {
		r.Logger.Warn("the next re-projection will clean up", "error", err)
	}
	return cause
}

// resumable tells whether what was built is worth keeping: the run was
// interrupted, or the database or a lock was not to be had.
func resumable(cause error) bool {
	return !errors.Is(cause, ErrCancelled) &&
		(errors.Is(cause, context.Canceled) || errors.Is(cause, app.ErrDatabase) || errors.Is(cause, app.ErrLocked))
}
