package erasure

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"relay/app"
	"relay/app/live"
	"relay/domain/eventlog"
	"relay/projections"
)

// target is a generation that an erasure works on.
type target struct {
	app.Generation
	projection app.Projection // limited to the generation's parts
	mappings   projections.Mappings
	specs      []projections.Mappings // each version alone
	reader     projections.Reader
	lost       projections.Lost
	ignorable  bool // whether erased calls hold what its fold ignores under any mapping
}

// lockGenerations keeps all generations where they are: the served ones, those
// that an undoing would go back to, those that are being built.
func (e *erasure) lockGenerations(ctx context.Context, tx app.Tx) error {
	history, err := app.ReadHistory(ctx, tx, e.Controls)
	if err != nil {
		return err
	}
	e.controls = history.Head
	var all []app.Generation
	for _, p := range e.All {
		served, err := e.Generations.LockServing(ctx, tx, p.Name)
		if err != nil {
			return err
		}
		all = append(all, served)
	}
	unserved, err := e.Generations.LockUnserved(ctx, tx)
	if err != nil {
		return err
	}
	for _, g := range append(all, unserved...) {
		t, err := e.target(ctx, tx, g, history)
		if err != nil {
			return err
		}
		e.targets = append(e.targets, t)
	}
	return nil
}

func (e *erasure) target(ctx context.Context, tx app.Tx, g app.Generation, history app.History) (*target, error) {
	i := slices.IndexFunc(e.All, func(p app.Projection) bool { return p.Name == g.Projection })
	if i < 0 {
		return nil, fmt.Errorf("generation %d is of an unknown projection %q", g.ID, g.Projection)
	}
	replay := g.Replay
	if g.Status == app.Former && g.RetiredBy != 0 {
		control, err := e.Reprojections.ControlOf(ctx, tx, g.RetiredBy)
		if err != nil {
			return nil, err
		}
		replay = &app.Replay{Undo: control}
	}
	t := &target{Generation: g, projection: e.All[i].Only(g.Parts), lost: projections.Lost{}}
	var err error
	if t.mappings, err = e.mappingsOf(ctx, tx, g, history.Mappings(g.Projection, replay)); err != nil {
		return nil, err
	}
	for n := range t.mappings.Specs {
		t.specs = append(t.specs, history.Only(n))
	}
	return t, nil
}

// mappingsOf returns the mappings as the generation was folded under them. One
// that keeps what joins ids may have been made ready for a mapping that it has
// not reached yet.
func (e *erasure) mappingsOf(ctx context.Context, tx app.Tx, g app.Generation, m projections.Mappings) (projections.Mappings, error) {
	m = m.UpTo(max(g.Checkpoint, g.LoadUpTo))
	joins, err := e.Identities.Joins(ctx, tx, g.ID)
	m.Joined = m.Joined || joins
	return m, err
}

// isLoading tells whether what was erased may still come into the generation
// from what its loader has read.
func (t *target) isLoading() bool { return t.Status == app.Building && !t.Loaded }

// lose notes what folding an entry ignores no more.
func (t *target) lose(before, after *eventlog.Entry) {
	if t.isLoading() {
		for _, mappings := range t.specs {
			t.ignorable = t.ignorable || len(t.ignored(before, mappings)) > 0
		}
		return
	}
	if before.Offset <= t.Checkpoint {
		t.lost.Add(t.ignored(before, t.mappings), t.ignored(after, t.mappings))
	}
}

func (t *target) ignored(e *eventlog.Entry, mappings projections.Mappings) projections.Issues {
	fold := t.projection.Fold()
	if e.Kinds.Has(t.projection.Under(mappings).Kinds) {
		t.reader.Read(e, mappings, fold)
	}
	return fold.Ignored()
}

// eraseFrom removes the persons from a generation, and folds again what they
// stood before. One that is being loaded is left to the end of the load.
func (e *erasure) eraseFrom(ctx context.Context, tx app.Tx, t *target) error {
	entries := slices.Sorted(maps.Keys(e.later))
	if t.isLoading() {
		return e.Erasures.Pend(ctx, tx, t.ID, app.PendingErasure{Erased: e.erased(), Entries: entries, Recount: t.ignorable})
	}
	if err := t.projection.Tables.Rows.Erase(ctx, tx, t.ID, e.erased()); err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(o eventlog.Offset) bool { return o > t.Checkpoint })
	fold := live.Refold{DB: e.DB, Log: e.Log, Projection: t.projection, Generation: t.ID, Mappings: t.mappings}
	if err := fold.Merge(ctx, tx, entries, e.isLater); err != nil {
		return err
	}
	return e.subtract(ctx, tx, t)
}

// subtract takes what was ignored in the erased calls from the generation's
// issues. Where it was seen first or last in them, only the log can tell where
// else.
func (e *erasure) subtract(ctx context.Context, tx app.Tx, t *target) error {
	if len(t.lost) == 0 {
		return nil
	}
	issues, err := e.Issues.ReadIssues(ctx, tx, t.ID)
	if err != nil {
		return err
	}
	left, sure := issues.Without(t.lost)
	if !sure {
		if left, err = e.counted(ctx, tx, t); err != nil {
			return err
		}
	}
	return e.Issues.SetIssues(ctx, tx, t.ID, left)
}
