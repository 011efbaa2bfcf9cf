package replay

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// ErrNothingToResume is returned by Resume if no re-projection was interrupted.
var ErrNothingToResume = errors.New("there is no re-projection to resume: none was interrupted since the last one")

// Resume continues the re-projection that was interrupted, from what its process
// kept.
func (r *Reprojector) Resume(ctx context.Context) (Reprojection, error) {
	return r.carryOut(ctx, "re-projection", r.cleanUpChecks, func(ctx context.Context, tx app.Tx, run *run) error {
		return run.restart(ctx, tx)
	})
}

// restart is begin for a run that was interrupted.
func (r *run) restart(ctx context.Context, tx app.Tx) error {
	interrupted, err := r.interrupted(ctx, tx)
	if err != nil {
		return err
	}
	reprojections := r.reprojector.Reprojections
	if r.record, err = reprojections.Get(ctx, tx, interrupted[0].Reprojection); err != nil {
		return err
	}
	r.build.progress.id = r.record.ID
	r.build.change = &app.Replay{From: r.record.From, Version: r.record.Version, AsOf: r.record.AsOf}
	if err := r.readHistory(ctx, tx); err != nil {
		return err
	}
	for _, g := range interrupted {
		if err := r.takeOver(ctx, tx, g); err != nil {
			return err
		}
	}
	return reprojections.Restart(ctx, tx, r.record.ID)
}

// interrupted returns the generations that an interrupted run was building; at
// least one.
func (r *run) interrupted(ctx context.Context, tx app.Tx) (list []app.Generation, err error) {
	unserved, err := r.store.Generations.Unserved(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, g := range unserved {
		if g.Status != app.Building || g.Reprojection == 0 {
			continue
		}
		if g.Rules != projections.RulesVersion {
			return nil, fmt.Errorf("the interrupted re-projection was built by version %d of the projection rules, "+
				"and this is version %d: start again with --from, or remove it with --cancel",
				g.Rules, projections.RulesVersion)
		}
		list = append(list, g)
	}
	if len(list) == 0 {
		return nil, ErrNothingToResume
	}
	return list, nil
}

// takeOver makes a generation a target. One of which nothing was kept, or only
// what a crash of the server emptied, is built from the beginning.
func (r *run) takeOver(ctx context.Context, tx app.Tx, g app.Generation) error {
	whole, ok := r.store.projection(g.Projection)
	if !ok {
		return fmt.Errorf("generation %d is of an unknown projection %q", g.ID, g.Projection)
	}
	t := &target{projection: whole.Only(g.Parts), generation: g}
	r.build.targets = append(r.build.targets, t)
	rows, _, err := r.store.LogSize.Size(ctx, tx, t.projection.Under(r.build.mappings(t)), eventlog.Range{UpTo: g.LoadUpTo})
	if err != nil {
		return err
	}
	t.rows = rows
	r.build.progress.expect(rows)
	if g.Loaded {
		r.build.progress.resumed(rows)
		return nil
	}
	loaded, err := t.projection.Tables.Loading.Loaded(ctx, tx, g.ID)
	if err != nil {
		return fmt.Errorf("look up what is loaded of %s: %w", g.Projection, err)
	}
	if len(loaded) == 0 {
		return r.recreate(ctx, tx, t)
	}
	r.build.progress.resumed(share(rows, loaded, g.LoadUpTo))
	return nil
}

// recreate empties a target.
func (r *run) recreate(ctx context.Context, tx app.Tx, t *target) error {
	if err := t.projection.Tables.Schema.Drop(ctx, tx, t.generation.ID); err != nil {
		return err
	}
	if err := r.build.builder.Issues.ClearIssues(ctx, tx, t.generation.ID); err != nil {
		return err
	}
	return r.build.createTables(ctx, tx, t)
}

// share returns about how many of the rows up to the offset are in the ranges.
func share(rows int64, ranges []eventlog.Range, upTo eventlog.Offset) int64 {
	var offsets eventlog.Offset
	for _, r := range ranges {
		offsets += r.UpTo - r.After
	}
	return int64(float64(rows) * float64(offsets) / float64(max(upTo, 1)))
}
