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

// Plan is what a re-projection will do: the change of the timeline, and what has
// to be rebuilt for it. Store.Plan makes plans; Reprojector.Run carries them out.
type Plan struct {
	From        eventlog.Offset `json:"from_offset"`
	Version     int             `json:"mapping_version"`
	AsOf        eventlog.Offset `json:"as_of"` // log offset of the last control entry that the plan knows
	Projections []PlanStep      `json:"projections"`

	chosen []app.Projection // those that Projections is about, in the same order
}

// PlanStep is what a re-projection will do with one projection.
type PlanStep struct {
	Projection string   `json:"projection"`
	Rebuild    bool     `json:"rebuild"`   // false: its timeline changes, its rows do not
	Parts      []string `json:"parts"`     // the parts that are rebuilt
	Why        []string `json:"why"`       // reasons, for people
	Kinds      string   `json:"kinds"`     // of the calls that are read
	Rows       int64    `json:"log_rows"`  // to read, an estimate
	Bytes      int64    `json:"log_bytes"` // of the payloads in those rows, an estimate
}

// Plan works out what has to be rebuilt of the chosen projections for the current
// mapping version to apply from the offset on.
func (s Store) Plan(ctx context.Context, from From, chosen []app.Projection) (plan Plan, err error) {
	err = s.DB.InSnapshot(ctx, func(tx app.Tx) error {
		plan, _, err = s.plan(ctx, tx, from, chosen)
		return err
	})
	return plan, err
}

// plan is Plan in a transaction. It also returns the history that it read.
func (s Store) plan(ctx context.Context, tx app.Tx, from From, chosen []app.Projection) (plan Plan, h app.History, err error) {
	if h, err = app.ReadHistory(ctx, tx, s.Controls); err != nil {
		return plan, h, err
	}
	head, err := s.Log.Head(ctx, tx)
	if err != nil {
		return plan, h, err
	}
	plan = Plan{Version: h.Current().Number, AsOf: h.Head, chosen: chosen}
	if plan.From, err = from.resolve(ctx, tx, h, head, chosen); err != nil {
		return plan, h, err
	}
	for _, p := range chosen {
		step, err := s.step(ctx, tx, p, h, plan.Change(), head)
		if err != nil {
			return plan, h, err
		}
		plan.Projections = append(plan.Projections, step)
	}
	return plan, h, nil
}

// Change returns what the plan changes of the timeline.
func (p Plan) Change() app.Replay {
	return app.Replay{From: p.From, Version: p.Version, AsOf: p.AsOf}
}

// rebuilt returns the chosen projections that are rebuilt, each limited to the
// parts that are, and their steps.
func (p Plan) rebuilt() (list []app.Projection, steps []PlanStep) {
	for i, step := range p.Projections {
		if step.Rebuild {
			list = append(list, p.chosen[i].Only(step.Parts))
			steps = append(steps, step)
		}
	}
	return list, steps
}

// step plans one projection.
func (s Store) step(
	ctx context.Context, tx app.Tx, p app.Projection, h app.History, change app.Replay, head eventlog.Offset,
) (PlanStep, error) {
	step := PlanStep{Projection: p.Name}
	served, err := s.Generations.Serving(ctx, tx, p.Name)
	if err != nil {
		return step, err
	}
	step.Parts, step.Why = altered(p, h, change, head, served.Rules)
	step.Rebuild = len(step.Parts) > 0
	if !step.Rebuild {
		step.Why = []string{"the mappings differ in nothing that it depends on"}
		return step, nil
	}
	p = p.Under(h.Mappings(p.Name, &change).UpTo(head))
	step.Kinds = p.Kinds.String()
	if step.Rows, step.Bytes, err = s.LogSize.Size(ctx, tx, p, eventlog.Range{UpTo: head}); err != nil {
		return step, fmt.Errorf("measure the log: %w", err)
	}
	return step, nil
}

// altered returns the parts of a projection of which rows change, and why. rules
// is the version of the projection rules that made the served rows.
func altered(p app.Projection, h app.History, change app.Replay, head eventlog.Offset, rules int) (parts, why []string) {
	if rules != projections.RulesVersion {
		why := fmt.Sprintf("its rows were made by version %d of the projection rules, and this is version %d",
			rules, projections.RulesVersion)
		return p.Parts, []string{why}
	}
	differences := mapping.Differences(h.Timelines.Of(p.Name), h.Timeline(p.Name, &change))
	if len(differences) == 0 {
		return p.Parts, []string{"the mapping is the same everywhere; it is rebuilt as it is"}
	}
	reasons, changed := map[string]bool{}, map[string]bool{}
	for _, d := range differences {
		if d.After >= head {
			continue // the log holds nothing there yet
		}
		served, wanted := h.Versions[d.Served].Spec, h.Versions[d.Wanted].Spec
		before, after := p.Depends(&served), p.Depends(&wanted)
		for part := range before {
			if before[part] != after[part] {
				changed[part] = true
				reasons[fmt.Sprintf("%s of version %d in place of version %d", part, d.Wanted, d.Served)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(changed)), slices.Sorted(maps.Keys(reasons))
}

// OutdatedPlan is the error of Run for a plan that no longer applies: the
// timeline was changed after the plan was made. Nothing was built or recorded.
type OutdatedPlan struct {
	Change string // what changed the timeline, as "mapping version 4 was applied"
}

// Error implements error.
func (o *OutdatedPlan) Error() string {
	return "the plan no longer applies: " + o.Change + " after it was made; plan again"
}

// check returns an OutdatedPlan if the timeline was changed after the plan was
// made. An erasure changes no timeline: the plan still applies to what is left.
func (p Plan) check(h app.History) error {
	for _, entry := range h.After(p.AsOf) {
		if change := timelineChange(entry.Control); change != "" {
			return &OutdatedPlan{Change: change}
		}
	}
	return nil
}

// timelineChange says how a control entry changes timelines; "": it does not.
func timelineChange(c eventlog.Control) string {
	switch {
	case c.MappingActivated != nil:
		return fmt.Sprintf("mapping version %d was applied", c.MappingActivated.Version)
	case c.Reprojected != nil:
		return fmt.Sprintf("a re-projection from log offset %d under mapping version %d was done", c.Reprojected.From, c.Reprojected.Version)
	case c.Undone != nil:
		return "a re-projection was undone"
	}
	return ""
}
