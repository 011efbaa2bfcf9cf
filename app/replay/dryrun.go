package replay

import (
	"context"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
)

// Preview is what a re-projection would change.
type Preview struct {
	From        eventlog.Offset  `json:"from_offset"`
	Version     int              `json:"mapping_version"`
	Projections []PreviewChanges `json:"projections"`
}

// PreviewChanges is what would change of one projection.
type PreviewChanges struct {
	Projection string   `json:"projection"`
	Rebuild    bool     `json:"rebuild"` // false: its rows stay
	Parts      []string `json:"parts,omitempty"`
	// Counts says how many rows change in which way, such as "people changed" or
	// "channel slack_email: values added".
	Counts   []app.Count      `json:"counts,omitempty"`
	Examples []app.Difference `json:"examples,omitempty"` // rows before and after, at most MaxPreviewExamples
	Issues   []IssueChange    `json:"issues,omitempty"`
	BasedOn  *Basis           `json:"based_on,omitempty"` // of a sample; null: everything was compared
}

// IssueChange is how often calls or values are ignored for one reason: now, and
// after the re-projection.
type IssueChange struct {
	Code   string `json:"code"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// MaxPreviewExamples is how many rows of a projection a preview shows.
const MaxPreviewExamples = 10

// DryRun builds aside what a re-projection would serve, and returns what would
// change.
func (c *Checker) DryRun(ctx context.Context, from From, chosen []app.Projection) (preview Preview, err error) {
	err = c.aside(ctx, DryRun, func(lock BuildLock) error {
		build := c.Builder.newBuild(lock)
		plan, err := build.createPlanned(ctx, from, chosen)
		if err != nil {
			return err
		}
		preview = Preview{From: plan.From, Version: plan.Version}
		return build.watched(ctx, func(ctx context.Context) error {
			if err := build.load(ctx); err != nil {
				return err
			}
			preview.Projections, err = build.previews(ctx, plan)
			return err
		})
	})
	return preview, err
}

// createPlanned plans, and creates the generations of the plan in the same
// transaction. They are loaded up to where the served ones stand, so that both can
// be compared.
func (b *build) createPlanned(ctx context.Context, from From, chosen []app.Projection) (plan Plan, err error) {
	err = b.store.DB.InTx(ctx, func(tx app.Tx) error {
		if plan, b.history, err = b.store.plan(ctx, tx, from, chosen); err != nil {
			return err
		}
		change := plan.Change()
		b.change = &change
		rebuilt, steps := plan.rebuilt()
		for i, p := range rebuilt {
			served, err := b.store.Generations.Serving(ctx, tx, p.Name)
			if err != nil {
				return err
			}
			b.add(p, served.Checkpoint, steps[i].Rows)
		}
		return b.create(ctx, tx)
	})
	return plan, err
}

// previews compares each target with what is served. Projections that are not
// rebuilt are listed without changes.
func (b *build) previews(ctx context.Context, plan Plan) (list []PreviewChanges, err error) {
	targets := b.targets
	for _, step := range plan.Projections {
		changes := PreviewChanges{Projection: step.Projection, Rebuild: step.Rebuild, Parts: step.Parts}
		if step.Rebuild {
			if err := b.preview(ctx, targets[0], &changes); err != nil {
				return list, fmt.Errorf("preview %s: %w", step.Projection, err)
			}
			targets = targets[1:]
		}
		list = append(list, changes)
	}
	return list, nil
}

func (b *build) preview(ctx context.Context, t *target, changes *PreviewChanges) error {
	_, err := b.compare(ctx, t, func(tx app.Tx, served, rebuilt int64) (err error) {
		changes.Counts, changes.Examples, err = t.projection.Tables.Comparing.Preview(ctx, tx, served, rebuilt, MaxPreviewExamples)
		if err != nil {
			return err
		}
		changes.Issues, err = b.issueChanges(ctx, tx, t.projection, served, rebuilt)
		return err
	})
	return err
}

// issueChanges compares the issues of the parts that are rebuilt.
func (b *build) issueChanges(ctx context.Context, tx app.Tx, p app.Projection, served, rebuilt int64) ([]IssueChange, error) {
	var codes []string
	if whole, _ := b.store.projection(p.Name); len(p.Parts) < len(whole.Parts) {
		for _, part := range p.Parts {
			codes = append(codes, p.IssueCodes(part)...)
		}
	}
	before, err := b.builder.Issues.IssuesByCode(ctx, tx, served, codes)
	if err != nil {
		return nil, err
	}
	after, err := b.builder.Issues.IssuesByCode(ctx, tx, rebuilt, codes)
	return JoinIssues(before, after), err
}

// JoinIssues joins counts of issues by code before and after.
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
