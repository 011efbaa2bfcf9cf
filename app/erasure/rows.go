package erasure

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"relay/app"
	"relay/app/refold"
	"relay/domain/eventlog"
)

// eraseRows erases the people from all generations. It goes through all of them
// even if one lacks a count, so that all that is lacking can be prepared at once.
func (t *try) eraseRows(ctx context.Context, tx app.Tx) (lacking needs, err error) {
	for _, g := range t.targets {
		counted, err := t.eraseFrom(ctx, tx, g)
		if err != nil {
			return needs{}, fmt.Errorf("erase from generation %d of %s: %w", g.generation.ID, g.generation.Projection, err)
		}
		if !counted {
			lacking.counts = append(lacking.counts, g)
		}
	}
	return lacking, nil
}

// eraseFrom erases the people from a generation, and folds again what their calls
// had shadowed. For a generation that is being loaded, both are noted for the end
// of the load. counted is false if the generation's issues must be counted first.
func (t *try) eraseFrom(ctx context.Context, tx app.Tx, g *target) (counted bool, err error) {
	refolded := slices.Sorted(maps.Keys(t.found.refold))
	if g.isLoading() {
		pending := app.PendingErasure{Erased: t.found.erased(), Entries: refolded, Recount: g.recount}
		return true, t.f.Erasures.Pend(ctx, tx, g.generation.ID, pending)
	}
	if err := g.rows.Projection.Tables.Rows.Erase(ctx, tx, g.rows.ID, t.found.erased()); err != nil {
		return false, err
	}
	refolded = slices.DeleteFunc(refolded, func(o eventlog.Offset) bool { return o > g.generation.Checkpoint })
	merger := refold.Merger{DB: t.f.DB, Log: t.f.Log}
	if err := merger.Merge(ctx, tx, g.rows, refolded, t.found.refolds); err != nil {
		return false, err
	}
	return t.subtractIssues(ctx, tx, g)
}

// subtractIssues takes what was ignored in the erased calls from a generation's
// issues. If an issue was seen first or last in them, only the log says where it
// is seen first or last now: counted is false if nobody has counted that yet.
func (t *try) subtractIssues(ctx context.Context, tx app.Tx, g *target) (counted bool, err error) {
	if len(g.lost) == 0 {
		return true, nil
	}
	issues, err := t.f.Issues.ReadIssues(ctx, tx, g.generation.ID)
	if err != nil {
		return false, err
	}
	left, sure := issues.Without(g.lost)
	if !sure {
		c := t.countOf(g)
		if c == nil {
			return false, nil
		}
		tail := eventlog.Range{After: c.upTo, UpTo: g.generation.Checkpoint}
		if err := c.issues.AddRange(ctx, tx, t.f.Log, tail); err != nil {
			return false, err
		}
		left = c.issues.Issues()
	}
	return true, t.f.Issues.SetIssues(ctx, tx, g.generation.ID, left)
}

// countOf returns the count to go on with: the prepared one, if it is still of
// use, and in a try that must not return, one that begins with the log. nil: a
// count is to be prepared.
func (t *try) countOf(g *target) *count {
	c := t.found.counts[g.generation.ID]
	if c != nil && c.controls == g.controls && c.upTo <= g.generation.Checkpoint {
		delete(t.found.counts, g.generation.ID) // what is added to it now is of this transaction alone
		return c
	}
	if t.mayReturn {
		return nil
	}
	return &count{issues: refold.NewIssueCounter(g.rows)}
}
