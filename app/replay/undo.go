package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"relay/app"
	"relay/projections"
)

// ErrCannotUndo is returned by Undo if the last re-projection cannot be undone; the
// error says why.
var ErrCannotUndo = errors.New("nothing can be undone")

// Undo switches back to the generations that the last re-projection replaced,
// after bringing them up to date, and takes its change of the timeline back. To
// undo an undoing brings the re-projection back.
func (r *Reprojector) Undo(ctx context.Context) (Reprojection, error) {
	return r.carryOut(ctx, "undoing of a re-projection", r.cleanUp, func(ctx context.Context, tx app.Tx, run *run) error {
		return run.beginUndo(ctx, tx)
	})
}

// beginUndo is begin with the former generations in place of new ones.
func (r *run) beginUndo(ctx context.Context, tx app.Tx) error {
	last, err := r.reprojector.Reprojections.LastDone(ctx, tx)
	if errors.Is(err, app.ErrNotFound) {
		return fmt.Errorf("%w: no re-projection is done", ErrCannotUndo)
	}
	if err != nil {
		return err
	}
	if err := r.readHistory(ctx, tx); err != nil {
		return err
	}
	if err := r.takeFormer(ctx, tx, last); err != nil {
		return err
	}
	r.record = Reprojection{
		Projections: last.Projections, Rebuilt: last.Rebuilt, Undoes: last.ID,
		From: last.From, Version: last.Version, AsOf: last.AsOf,
	}
	return r.start(ctx, tx, app.Replay{From: last.From, Version: last.Version, AsOf: last.AsOf, Undo: last.Control})
}

// takeFormer makes the generations that the re-projection replaced the targets.
func (r *run) takeFormer(ctx context.Context, tx app.Tx, last Reprojection) error {
	unserved, err := r.store.Generations.Unserved(ctx, tx)
	if err != nil {
		return err
	}
	var found []string
	for _, g := range unserved {
		whole, ok := r.store.projection(g.Projection)
		if g.Status != app.Former || g.RetiredBy != last.ID || !ok {
			continue
		}
		if g.Rules != projections.RulesVersion {
			return fmt.Errorf("%w: the former rows of %s were made by version %d of the projection rules, and this is version %d",
				ErrCannotUndo, g.Projection, g.Rules, projections.RulesVersion)
		}
		r.build.targets = append(r.build.targets, &target{projection: whole.Only(g.Parts), generation: g})
		found = append(found, g.Projection)
	}
	for _, name := range last.Rebuilt {
		if !slices.Contains(found, name) {
			return fmt.Errorf("%w: the former rows of %s were removed after re-projection %d", ErrCannotUndo, name, last.ID)
		}
	}
	return nil
}
