package replay

import (
	"context"

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
