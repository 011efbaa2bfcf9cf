package erasure

import (
	"context"
	"fmt"
	"slices"

	"relay/app"
	"relay/app/refold"
	"relay/domain/eventlog"
	"relay/projections"
)

// target is a generation that an erasure works on.
type target struct {
	generation app.Generation
	rows       refold.Generation
	controls   eventlog.Offset // of the last control entry that rows.Mappings know
	reader     projections.Reader
	lost       projections.Lost // of the issues, with the erased calls
	// Of a generation that is being loaded, nobody knows yet which mapping its
	// loader read an entry under: versions are all of them, each alone, and recount
	// says whether erased calls hold what the fold ignores under any.
	versions []projections.Mappings
	recount  bool
}

func (f *Forgetter) newTarget(ctx context.Context, tx app.Tx, g app.Generation, history app.History) (*target, error) {
	i := slices.IndexFunc(f.All, func(p app.Projection) bool { return p.Name == g.Projection })
	if i < 0 {
		return nil, fmt.Errorf("generation %d is of an unknown projection %q", g.ID, g.Projection)
	}
	mappings, err := f.mappingsOf(ctx, tx, g, history)
	if err != nil {
		return nil, err
	}
	t := &target{generation: g, controls: history.Head, lost: projections.Lost{}}
	t.rows = refold.Generation{ID: g.ID, Projection: f.All[i].Only(g.Parts), Mappings: mappings}
	for version := range mappings.Specs {
		t.versions = append(t.versions, history.Only(version))
	}
	return t, nil
}

// mappingsOf returns the mappings under which the generation was folded: a former
// generation's are those without the re-projection that retired it. A generation
// that keeps links may have been made ready for a mapping that begins to apply
// after its checkpoint.
func (f *Forgetter) mappingsOf(ctx context.Context, tx app.Tx, g app.Generation, history app.History) (projections.Mappings, error) {
	replay := g.Replay
	if g.Status == app.Former && g.RetiredBy != 0 {
		control, err := f.Reprojections.ControlOf(ctx, tx, g.RetiredBy)
		if err != nil {
			return projections.Mappings{}, err
		}
		replay = &app.Replay{Undo: control}
	}
	mappings := history.Mappings(g.Projection, replay).UpTo(max(g.Checkpoint, g.LoadUpTo))
	joins, err := f.Identities.Joins(ctx, tx, g.ID)
	mappings.Joined = mappings.Joined || joins
	return mappings, err
}

// isLoading reports whether the generation's loader may still bring in erased
// calls that it has read before.
func (t *target) isLoading() bool { return t.generation.Status == app.Building && !t.generation.Loaded }

// noteLost notes which issues an entry raises no longer once calls were cut out
// of it.
func (t *target) noteLost(before, after *eventlog.Entry) {
	if t.isLoading() {
		for _, mappings := range t.versions {
			t.recount = t.recount || len(t.ignored(before, mappings)) > 0
		}
		return
	}
	if before.Offset <= t.generation.Checkpoint {
		t.lost.Add(t.ignored(before, t.rows.Mappings), t.ignored(after, t.rows.Mappings))
	}
}

func (t *target) ignored(e *eventlog.Entry, mappings projections.Mappings) projections.Issues {
	fold := t.rows.Projection.Fold()
	if e.Kinds.Has(t.rows.Projection.Under(mappings).Kinds) {
		t.reader.Read(e, mappings, fold)
	}
	return fold.Ignored()
}
