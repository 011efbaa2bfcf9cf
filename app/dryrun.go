package app

import (
	"context"
	"errors"
	"fmt"

	"relay/domain/eventlog"
)

// Preview says what a re-projection would change.
type Preview struct {
	From        eventlog.Offset  `json:"from_offset"`
	Version     int              `json:"mapping_version"`
	Projections []PreviewChanges `json:"projections"`
}

// PreviewChanges says what would change of one projection.
type PreviewChanges struct {
	Projection string `json:"projection"`
	Rebuild    bool   `json:"rebuild"` // false: its rows stay
	// Counts by what changes, such as "people changed" or "channel slack_email:
	// values added".
	Counts   []Count      `json:"counts,omitempty"`
	Examples []Difference `json:"examples,omitempty"` // rows before and after, ten at most
	Issues   []Count      `json:"issues,omitempty"`   // by code, what would be ignored
}

// Count is a number of something.
type Count struct {
	What  string `json:"what"`
	Count int64  `json:"count"`
}

// maxPreviewExamples is how many rows a preview shows before and after.
const maxPreviewExamples = 10

// DryRun builds aside what Run would serve, tells what would change, and drops
// it. Nothing that people query changes.
func (r *Reprojector) DryRun(ctx context.Context, from From, chosen []Projection) (preview Preview, err error) {
	claim, err := r.Reprojections.Claim(ctx, "dry run")
	if err != nil {
		return preview, err
	}
	defer claim.Release()
	if err := r.dropAside(ctx); err != nil {
		return preview, err
	}
	run := newRun(r, claim)
	plan, err := run.startDry(ctx, from, chosen)
	if err == nil {
		err = run.watched(ctx, func(ctx context.Context) error {
			preview, err = run.preview(ctx, plan)
			return err
		})
	}
	return preview, errors.Join(err, r.dropAside(context.WithoutCancel(ctx)))
}

// startDry is start without a record, and only up to where the served
// generations stand, so that both can be compared.
func (r *run) startDry(ctx context.Context, from From, chosen []Projection) (plan Plan, err error) {
	err = r.DB.InTx(ctx, func(tx Tx) error {
		if r.history, r.head, r.record.Replay, err = r.resolve(ctx, tx, from); err != nil {
			return err
		}
		r.replay = &r.record.Replay
		if plan, err = r.plan(ctx, tx, r.history, *r.replay, r.head, chosen); err != nil {
			return err
		}
		for i, p := range chosen {
			if !plan.Projections[i].Rebuild {
				continue
			}
			served, err := r.Generations.Serving(ctx, tx, p.Name)
			if err != nil {
				return err
			}
			r.chosen = append(r.chosen, p)
			r.head = min(r.head, served.Checkpoint)
			r.progress.total.Add(plan.Projections[i].Rows)
		}
		return r.createGenerations(ctx, tx)
	})
	return plan, err
}

func (r *run) preview(ctx context.Context, plan Plan) (Preview, error) {
	preview := Preview{From: plan.From, Version: plan.Version}
	for i, p := range r.chosen {
		if err := r.buildOne(ctx, p, r.built[i]); err != nil {
			return preview, err
		}
	}
	for _, step := range plan.Projections {
		changes := PreviewChanges{Projection: step.Projection, Rebuild: step.Rebuild}
		if p, ok := r.projection(step.Projection); ok && step.Rebuild {
			if err := r.previewOne(ctx, p, &changes); err != nil {
				return preview, fmt.Errorf("preview %s: %w", p.Name, err)
			}
		}
		preview.Projections = append(preview.Projections, changes)
	}
	return preview, nil
}

func (r *run) previewOne(ctx context.Context, p Projection, changes *PreviewChanges) error {
	return retryLocked(ctx, func() error {
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		_, err := r.inStep(ctx, r, p, func(tx Tx, served, rebuilt int64) (err error) {
			if changes.Counts, err = p.Tables.Preview(ctx, tx, served, rebuilt); err != nil {
				return err
			}
			if changes.Examples, _, err = p.Tables.Compare(ctx, tx, served, rebuilt, maxPreviewExamples); err != nil {
				return err
			}
			changes.Issues, err = r.Generations.IssuesByCode(ctx, tx, rebuilt)
			return err
		})
		return err
	})
}
