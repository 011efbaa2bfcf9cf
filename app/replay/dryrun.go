package replay

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
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
	Projection string   `json:"projection"`
	Rebuild    bool     `json:"rebuild"` // false: its rows stay
	Parts      []string `json:"parts,omitempty"`
	// Counts by what changes, such as "people changed" or "channel slack_email:
	// values added".
	Counts   []app.Count      `json:"counts,omitempty"`
	Examples []app.Difference `json:"examples,omitempty"` // rows before and after, ten at most
	Issues   []IssueChange    `json:"issues,omitempty"`
	BasedOn  *Basis           `json:"based_on,omitempty"` // null: all there is
}

// IssueChange says how often something is ignored now, and how often it would
// be.
type IssueChange struct {
	Code   string `json:"code"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// MaxPreviewExamples is how many rows a preview shows before and after.
const MaxPreviewExamples = 10

// DryRun builds aside what Run would serve, tells what would change, and drops
// it. Nothing that people query changes.
func (r *Reprojector) DryRun(ctx context.Context, from From, chosen []app.Projection) (preview Preview, err error) {
	claim, err := r.Locks.Claim(ctx, DryRun)
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
func (r *run) startDry(ctx context.Context, from From, chosen []app.Projection) (plan Plan, err error) {
	err = r.DB.InTx(ctx, func(tx app.Tx) error {
		if r.history, r.head, r.record.Replay, err = r.Resolve(ctx, tx, from, chosen); err != nil {
			return err
		}
		r.replay = &r.record.Replay
		if plan, err = r.PlanFor(ctx, tx, r.history, *r.replay, r.head, chosen); err != nil {
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
			r.chosen = append(r.chosen, p.Only(plan.Projections[i].Parts))
			r.head = min(r.head, served.Checkpoint)
			r.progress.expect(plan.Projections[i].Rows)
		}
		return r.createGenerations(ctx, tx)
	})
	return plan, err
}

func (r *run) preview(ctx context.Context, plan Plan) (Preview, error) {
	preview := Preview{From: plan.From, Version: plan.Version}
	if err := r.load(ctx); err != nil {
		return preview, err
	}
	rebuilt := r.chosen
	for _, step := range plan.Projections {
		changes := PreviewChanges{Projection: step.Projection, Rebuild: step.Rebuild, Parts: step.Parts}
		if step.Rebuild {
			if err := r.previewOne(ctx, rebuilt[0], &changes); err != nil {
				return preview, fmt.Errorf("preview %s: %w", step.Projection, err)
			}
			rebuilt = rebuilt[1:]
		}
		preview.Projections = append(preview.Projections, changes)
	}
	return preview, nil
}

func (r *run) previewOne(ctx context.Context, p app.Projection, changes *PreviewChanges) error {
	return app.RetryLocked(ctx, func() error {
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		_, err := r.inStep(ctx, r, p, func(tx app.Tx, served, rebuilt int64) (err error) {
			changes.Counts, changes.Examples, err = p.Tables.Comparing.Preview(ctx, tx, served, rebuilt, MaxPreviewExamples)
			if err != nil {
				return err
			}
			changes.Issues, err = r.issueChanges(ctx, tx, p, served, rebuilt)
			return err
		})
		return err
	})
}

// issueChanges compares what is ignored of the parts that are rebuilt.
func (r *Reprojector) issueChanges(ctx context.Context, tx app.Tx, p app.Projection, served, rebuilt int64) ([]IssueChange, error) {
	var codes []string
	if whole, _ := r.projection(p.Name); len(p.Parts) < len(whole.Parts) {
		for _, part := range p.Parts {
			codes = append(codes, p.IssueCodes(part)...)
		}
	}
	before, err := r.Issues.IssuesByCode(ctx, tx, served, codes)
	if err != nil {
		return nil, err
	}
	after, err := r.Issues.IssuesByCode(ctx, tx, rebuilt, codes)
	return JoinIssues(before, after), err
}

// JoinIssues puts side by side what is ignored before and after.
func JoinIssues(before, after []app.Count) (changes []IssueChange) {
	place := map[string]int{}
	at := func(code string) *IssueChange {
		i, known := place[code]
		if !known {
			i = len(changes)
			place[code], changes = i, append(changes, IssueChange{Code: code})
		}
		return &changes[i]
	}
	for _, c := range after {
		at(c.What).After += c.Count
	}
	for _, c := range before {
		at(c.What).Before += c.Count
	}
	return changes
}
