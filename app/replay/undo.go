package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"relay/app"
	"relay/projections"
)

// ErrCannotUndo is returned where the last re-projection cannot be undone; the
// error says why.
var ErrCannotUndo = errors.New("nothing can be undone")

// Undo makes what was served before the last re-projection the one that people
// query again, after bringing it up to date, and takes its change of the
// timeline back. Undoing an undoing brings the re-projection back.
func (r *Reprojector) Undo(ctx context.Context) (Reprojection, error) {
	claim, err := r.Locks.Claim(ctx, "undoing of a re-projection")
	if err != nil {
		return Reprojection{}, err
	}
	defer claim.Release()
	if err := r.CleanUp(ctx); err != nil {
		return Reprojection{}, err
	}
	run := newRun(r, claim)
	if err := r.DB.InTx(ctx, func(tx app.Tx) error { return run.startUndo(ctx, tx) }); err != nil {
		return Reprojection{}, err
	}
	return run.finish(ctx)
}

// startUndo is start with the former generations in place of new ones.
func (r *run) startUndo(ctx context.Context, tx app.Tx) (err error) {
	last, err := r.Reprojections.LastDone(ctx, tx)
	if errors.Is(err, app.ErrNotFound) {
		return fmt.Errorf("%w: no re-projection is done", ErrCannotUndo)
	}
	if err != nil {
		return err
	}
	r.record = Reprojection{
		Projections: last.Projections, Rebuilt: last.Rebuilt, Undoes: last.ID,
		Replay: app.Replay{From: last.From, Version: last.Version, AsOf: last.AsOf, Undo: last.Control},
	}
	r.replay = &r.record.Replay
	if r.history, err = app.ReadHistory(ctx, tx, r.Controls); err != nil {
		return err
	}
	if err := r.takeFormer(ctx, tx, last); err != nil {
		return err
	}
	r.record.ID, err = r.Reprojections.Start(ctx, tx, r.record)
	return err
}

// takeFormer takes the generations that the re-projection took the place of.
func (r *run) takeFormer(ctx context.Context, tx app.Tx, last Reprojection) error {
	unserved, err := r.Generations.Unserved(ctx, tx)
	if err != nil {
		return err
	}
	for _, g := range unserved {
		whole, ok := r.projection(g.Projection)
		if g.Status != app.Former || g.RetiredBy != last.ID || !ok {
			continue
		}
		if g.Rules != projections.RulesVersion {
			return fmt.Errorf("%w: the former rows of %s were made by version %d of the projection rules, and this is version %d",
				ErrCannotUndo, g.Projection, g.Rules, projections.RulesVersion)
		}
		r.chosen, r.built = append(r.chosen, whole.Only(g.Parts)), append(r.built, g)
	}
	for _, name := range last.Rebuilt {
		if !slices.ContainsFunc(r.built, func(g app.Generation) bool { return g.Projection == name }) {
			return fmt.Errorf("%w: the former rows of %s were removed after re-projection %d", ErrCannotUndo, name, last.ID)
		}
	}
	return nil
}
