package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"relay/projections"
)

// DryRun tells what a re-projection would change of about n people at random,
// and of the events of stretches of the log that hold calls of as many.
func (s *Sampler) DryRun(ctx context.Context, from From, n int, chosen []Projection) (preview Preview, err error) {
	err = s.steadily(func() error {
		preview, err = s.dryRun(ctx, from, n, chosen)
		return err
	})
	return preview, err
}

func (s *Sampler) dryRun(ctx context.Context, from From, n int, chosen []Projection) (preview Preview, err error) {
	var plan Plan
	var replay Replay
	err = s.DB.InSnapshot(ctx, func(tx Tx) error {
		history, head, wanted, err := s.resolve(ctx, tx, from, chosen)
		if err != nil {
			return err
		}
		replay = wanted
		plan, err = s.plan(ctx, tx, history, replay, head, chosen)
		return err
	})
	if err != nil {
		return preview, err
	}
	preview = Preview{From: plan.From, Version: plan.Version}
	for i, step := range plan.Projections {
		changes := PreviewChanges{Projection: step.Projection, Rebuild: step.Rebuild, Parts: step.Parts}
		if step.Rebuild {
			if err := s.sampleChanges(ctx, chosen[i].Only(step.Parts), &replay, n, &changes); err != nil {
				return preview, fmt.Errorf("preview %s: %w", step.Projection, err)
			}
		}
		preview.Projections = append(preview.Projections, changes)
	}
	return preview, nil
}

// sampleChanges tells what the replay would change of a sample.
func (s *Sampler) sampleChanges(ctx context.Context, p Projection, replay *Replay, n int, changes *PreviewChanges) error {
	u, err := s.begin(ctx, p, replay, func(ctx context.Context, tx Tx, u *subset) error { return u.chooseSome(ctx, tx, n) })
	if err != nil {
		return err
	}
	err = u.compare(ctx, func(tx Tx, served, rebuilt int64) error {
		counts, examples, err := p.Tables.Preview(ctx, tx, served, rebuilt, maxPreviewExamples-len(changes.Examples))
		changes.Counts = addCounts(changes.Counts, counts)
		changes.Examples = append(changes.Examples, examples...)
		return err
	})
	changes.Issues = joinIssues(byCode(u.ignoredNow), byCode(u.ignored))
	changes.BasedOn = u.basis()
	return err
}

// addCounts adds up counts of the same things.
func addCounts(sum, more []Count) []Count {
	for _, c := range more {
		i := slices.IndexFunc(sum, func(s Count) bool { return s.What == c.What })
		if i < 0 {
			sum = append(sum, c)
			continue
		}
		sum[i].Count += c.Count
	}
	return sum
}

// byCode counts issues by code, the most frequent first.
func byCode(issues projections.Issues) (counts []Count) {
	for key, issue := range issues {
		counts = addCounts(counts, []Count{{What: key.Code, Count: issue.Count}})
	}
	slices.SortFunc(counts, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What)) })
	return counts
}
