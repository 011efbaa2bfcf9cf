package replay

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/projections"
)

// Plan is what a re-projection will do, worked out from the timeline that is
// served and the one that is wanted.
type Plan struct {
	From        eventlog.Offset `json:"from_offset"`
	Version     int             `json:"mapping_version"`
	Projections []PlanStep      `json:"projections"`
}

// PlanStep is what a re-projection will do with one projection.
type PlanStep struct {
	Projection string   `json:"projection"`
	Rebuild    bool     `json:"rebuild"` // false: its timeline changes, its rows do not
	Parts      []string `json:"parts"`   // what of it is rebuilt
	Why        []string `json:"why"`
	Kinds      string   `json:"kinds"`     // of calls that are read
	Rows       int64    `json:"log_rows"`  // to read
	Bytes      int64    `json:"log_bytes"` // of payloads in them, about
}

// PlanFor works out which of the chosen projections the replay alters.
func (r *Reprojector) PlanFor(ctx context.Context, tx app.Tx, h app.History, replay app.Replay, head eventlog.Offset, chosen []app.Projection) (Plan, error) {
	plan := Plan{From: replay.From, Version: replay.Version}
	for _, p := range chosen {
		served, err := r.Generations.Serving(ctx, tx, p.Name)
		if err != nil {
			return plan, err
		}
		p = p.Under(h.Mappings(p.Name, &replay).UpTo(head))
		step := PlanStep{Projection: p.Name}
		step.Parts, step.Why = altered(p, h, replay, head, served.Rules)
		step.Rebuild = len(step.Parts) > 0
		if !step.Rebuild {
			step.Why = []string{"what differs between the mappings does not concern it"}
			plan.Projections = append(plan.Projections, step)
			continue
		}
		step.Kinds = p.Kinds.String()
		if step.Rows, step.Bytes, err = r.LogSize.Size(ctx, tx, p, eventlog.Range{UpTo: head}); err != nil {
			return plan, fmt.Errorf("measure what there is to read: %w", err)
		}
		plan.Projections = append(plan.Projections, step)
	}
	return plan, nil
}

// altered returns the parts of a projection that have to be rebuilt, and why.
func altered(p app.Projection, h app.History, replay app.Replay, head eventlog.Offset, rules int) (parts, why []string) {
	if rules != projections.RulesVersion {
		return p.Parts, []string{fmt.Sprintf("its rows were made by version %d of the projection rules, and this is version %d", rules, projections.RulesVersion)}
	}
	served := h.Timelines[p.Name]
	wanted := h.Timeline(p.Name, &replay)
	differences := mapping.Differences(served, wanted)
	if len(differences) == 0 {
		return p.Parts, []string{"the mapping is the same everywhere; it is rebuilt as it is"}
	}
	reasons, changed := map[string]bool{}, map[string]bool{}
	for _, d := range differences {
		if d.After >= head {
			continue // nothing is there yet
		}
		from, to := h.Versions[d.Served].Spec, h.Versions[d.Wanted].Spec
		before, after := p.Depends(&from), p.Depends(&to)
		for part := range before {
			if before[part] != after[part] {
				changed[part] = true
				reasons[fmt.Sprintf("%s of version %d in place of version %d", part, d.Wanted, d.Served)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(changed)), slices.Sorted(maps.Keys(reasons))
}

// Plan returns what Run would do.
func (r *Reprojector) Plan(ctx context.Context, from From, chosen []app.Projection) (plan Plan, err error) {
	err = r.DB.InSnapshot(ctx, func(tx app.Tx) error {
		history, head, replay, err := r.Resolve(ctx, tx, from, chosen)
		if err != nil {
			return err
		}
		plan, err = r.PlanFor(ctx, tx, history, replay, head, chosen)
		return err
	})
	return plan, err
}

// Resolve reads the history and fixes what a replay from there would change.
func (r *Reprojector) Resolve(ctx context.Context, tx app.Tx, from From, chosen []app.Projection) (h app.History, head eventlog.Offset, replay app.Replay, err error) {
	if h, err = app.ReadHistory(ctx, tx, r.Controls); err != nil {
		return h, 0, replay, err
	}
	if head, err = r.Log.Head(ctx, tx); err != nil {
		return h, 0, replay, err
	}
	replay = app.Replay{Version: h.Current().Number, AsOf: h.Head}
	replay.From, err = from.Offset(ctx, tx, h, head, chosen)
	return h, head, replay, err
}
