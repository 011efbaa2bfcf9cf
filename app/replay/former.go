package replay

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
)

// Former returns how many generations are kept that re-projections replaced.
func (r *Reprojector) Former(ctx context.Context) (n int, err error) {
	unserved, err := r.Builder.Store.unserved(ctx)
	for _, g := range unserved {
		if isFormer(g) {
			n++
		}
	}
	return n, err
}

// DropFormer removes the generations that re-projections replaced, and returns how
// many there were. The last re-projection cannot be undone after that.
func (r *Reprojector) DropFormer(ctx context.Context) (dropped int, err error) {
	lock, err := r.Builder.Locks.Claim(ctx, "removal of former generations")
	if err != nil {
		return 0, err
	}
	defer lock.Release()
	err = r.Builder.dropUnserved(ctx, func(g app.Generation) bool {
		former := isFormer(g)
		if former {
			dropped++
		}
		return former
	})
	return dropped, err
}

func isBuilding(g app.Generation) bool { return g.Status == app.Building }

// isOfCheck reports whether a generation was built only to be compared.
func isOfCheck(g app.Generation) bool { return isBuilding(g) && g.Reprojection == 0 }

func isFormer(g app.Generation) bool { return g.Status == app.Former }

// dropUnserved drops those generations that nobody queries and that unwanted
// picks, one a transaction because each takes locks.
func (b *Builder) dropUnserved(ctx context.Context, unwanted func(app.Generation) bool) error {
	unserved, err := b.Store.unserved(ctx)
	for _, g := range unserved {
		if unwanted(g) {
			err = errors.Join(err, b.drop(ctx, g))
		}
	}
	if err != nil {
		return fmt.Errorf("drop generations that nobody queries: %w", err)
	}
	return nil
}

func (b *Builder) drop(ctx context.Context, g app.Generation) error {
	p, ok := b.Store.projection(g.Projection)
	if !ok {
		return fmt.Errorf("generation %d is of an unknown projection %q", g.ID, g.Projection)
	}
	return app.RetryLocked(ctx, func() error {
		return b.Store.DB.InTx(ctx, func(tx app.Tx) error {
			if err := p.Tables.Schema.Drop(ctx, tx, g.ID); err != nil {
				return err
			}
			return b.Writer.Delete(ctx, tx, g.ID)
		})
	})
}
