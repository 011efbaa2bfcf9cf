package sample

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"relay/app"
	"relay/app/replay"
	"relay/projections"
)

// DryRun returns what a re-projection would change of the states of about n people
// at random, and of the events of random stretches of the log that hold calls of
// about n people.
func (s *Sampler) DryRun(ctx context.Context, from replay.From, n int, chosen []app.Projection) (preview replay.Preview, err error) {
	err = retryReplaced(func() error {
		preview, err = s.dryRun(ctx, from, n, chosen)
		return err
	})
	return preview, err
}

func (s *Sampler) dryRun(ctx context.Context, from replay.From, n int, chosen []app.Projection) (preview replay.Preview, err error) {
	plan, err := s.Store.Plan(ctx, from, chosen)
	if err != nil {
		return preview, err
	}
	preview = replay.Preview{From: plan.From, Version: plan.Version}
	for i, step := range plan.Projections {
		changes := replay.PreviewChanges{Projection: step.Projection, Rebuild: step.Rebuild, Parts: step.Parts}
		if step.Rebuild {
			if err := s.preview(ctx, chosen[i].Only(step.Parts), plan.Change(), n, &changes); err != nil {
				return preview, fmt.Errorf("preview %s: %w", step.Projection, err)
			}
		}
		preview.Projections = append(preview.Projections, changes)
	}
	return preview, nil
}

// preview notes what the change of the timeline would change of a sample.
func (s *Sampler) preview(ctx context.Context, p app.Projection, change app.Replay, n int, changes *replay.PreviewChanges) error {
	u, err := s.newSubset(ctx, p, &change, chooseSome(n))
	if err != nil {
		return err
	}
	err = u.compare(ctx, func(tx app.Tx, served, rebuilt int64) error {
		counts, examples, err := p.Tables.Comparing.Preview(ctx, tx, served, rebuilt, replay.MaxPreviewExamples-len(changes.Examples))
		changes.Counts = addCounts(changes.Counts, counts)
		changes.Examples = append(changes.Examples, examples...)
		return err
	})
	changes.Issues = replay.JoinIssues(byCode(u.issuesServed), byCode(u.issuesRebuilt))
	changes.BasedOn = u.basis()
	return err
}

// addCounts adds more to sum, thing by thing.
func addCounts(sum, more []app.Count) []app.Count {
	for _, c := range more {
		i := slices.IndexFunc(sum, func(s app.Count) bool { return s.What == c.What })
		if i < 0 {
			sum = append(sum, c)
			continue
		}
		sum[i].Count += c.Count
	}
	return sum
}

// byCode counts issues by code, the most frequent first.
func byCode(issues projections.Issues) (counts []app.Count) {
	for key, issue := range issues {
		counts = addCounts(counts, []app.Count{{What: key.Code, Count: issue.Count}})
	}
	slices.SortFunc(counts, func(a, b app.Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What)) })
	return counts
}
