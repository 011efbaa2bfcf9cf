package replay

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// ErrNothingToResume is returned where no re-projection was interrupted.
var ErrNothingToResume = errors.New("there is no re-projection to resume: none was interrupted since the last one")

// Resume goes on with the re-projection that was interrupted, from what its
// process kept.
func (r *Reprojector) Resume(ctx context.Context) (Reprojection, error) {
	claim, err := r.Locks.Claim(ctx, "re-projection")
	if err != nil {
		return Reprojection{}, err
	}
	defer claim.Release()
	if err := r.markAbandoned(ctx); err != nil {
		return Reprojection{}, err
	}
	if err := r.dropAside(ctx); err != nil {
		return Reprojection{}, err
	}
	run := newRun(r, claim)
	if err := r.DB.InTx(ctx, func(tx app.Tx) error { return run.restart(ctx, tx) }); err != nil {
		return Reprojection{}, err
	}
	return run.finish(ctx)
}

// restart is start for a run that was interrupted.
func (r *run) restart(ctx context.Context, tx app.Tx) error {
	interrupted, err := r.interrupted(ctx, tx)
	if err != nil {
		return err
	}
	if r.record, err = r.Reprojections.Get(ctx, tx, interrupted[0].Reprojection); err != nil {
		return err
	}
	r.replay = &r.record.Replay
	if r.history, err = app.ReadHistory(ctx, tx, r.Controls); err != nil {
		return err
	}
	for _, g := range interrupted {
		if err := r.takeOver(ctx, tx, g); err != nil {
			return err
		}
	}
	return r.Reprojections.Restart(ctx, tx, r.record.ID)
}

// interrupted returns the generations that an interrupted run was building.
func (r *run) interrupted(ctx context.Context, tx app.Tx) (list []app.Generation, err error) {
	unserved, err := r.Generations.Unserved(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, g := range unserved {
		if g.Status != app.Building || g.Reprojection == 0 {
			continue
		}
		if g.Rules != projections.RulesVersion {
			return nil, fmt.Errorf("%w by version %d of the projection rules, and this is version %d: start again with --from, or remove it with --cancel",
				errors.New("what there is to resume was built"), g.Rules, projections.RulesVersion)
		}
		list = append(list, g)
	}
	if len(list) == 0 {
		return nil, ErrNothingToResume
	}
	return list, nil
}

// takeOver goes on with a generation. One of which nothing was kept, or only
// what a crash of the server emptied, begins anew.
func (r *run) takeOver(ctx context.Context, tx app.Tx, g app.Generation) error {
	whole, ok := r.projection(g.Projection)
	if !ok {
		return fmt.Errorf("generation %d is of an unknown projection %q", g.ID, g.Projection)
	}
	p := whole.Only(g.Parts)
	r.chosen, r.built = append(r.chosen, p), append(r.built, g)
	mappings := r.loadMappings(g)
	rows, _, err := r.LogSize.Size(ctx, tx, p.Under(mappings), eventlog.Range{UpTo: g.LoadUpTo})
	if err != nil {
		return err
	}
	r.progress.expect(rows)
	if g.Loaded {
		r.progress.resumed(rows)
		return nil
	}
	loaded, err := p.Tables.Loading.Loaded(ctx, tx, g.ID)
	if err != nil {
		return fmt.Errorf("look up what is loaded of %s: %w", p.Name, err)
	}
	if len(loaded) == 0 {
		return r.beginAnew(ctx, tx, p, g, mappings.Joined)
	}
	r.progress.resumed(share(rows, loaded, g.LoadUpTo))
	return nil
}

func (r *run) beginAnew(ctx context.Context, tx app.Tx, p app.Projection, g app.Generation, joined bool) error {
	if err := p.Tables.Schema.Drop(ctx, tx, g.ID); err != nil {
		return err
	}
	if err := r.Issues.ClearIssues(ctx, tx, g.ID); err != nil {
		return err
	}
	if err := p.Tables.Schema.Create(ctx, tx, g.ID, joined); err != nil {
		return fmt.Errorf("create the tables of generation %d: %w", g.ID, err)
	}
	return nil
}

// share returns about how many of the rows up to the offset are in the ranges.
func share(rows int64, ranges []eventlog.Range, upTo eventlog.Offset) int64 {
	var held eventlog.Offset
	for _, r := range ranges {
		held += r.UpTo - r.After
	}
	return int64(float64(rows) * float64(held) / float64(max(upTo, 1)))
}
