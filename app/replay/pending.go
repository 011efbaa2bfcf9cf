package replay

import (
	"context"
	"slices"

	"relay/app"
	"relay/app/refold"
	"relay/domain/eventlog"
)

// erasePending removes from a target whose load has just ended what it may hold of
// people who were erased during the load.
func (b *build) erasePending(ctx context.Context, tx app.Tx, t *target) error {
	p, g := t.projection, t.generation
	pending, err := b.builder.Erasures.Pending(ctx, tx, g.ID)
	if err != nil || len(pending) == 0 {
		return err
	}
	recount := false
	for _, e := range pending {
		if err := p.Tables.Rows.Erase(ctx, tx, g.ID, e.Erased); err != nil {
			return err
		}
		recount = recount || e.Recount
	}
	loaded := refold.Generation{ID: g.ID, Projection: p, Mappings: b.mappings(t)}
	merger := refold.Merger{DB: b.store.DB, Log: b.store.Log}
	for _, e := range pending {
		entries := slices.DeleteFunc(e.Entries, func(o eventlog.Offset) bool { return o > g.LoadUpTo })
		if err := merger.Merge(ctx, tx, loaded, entries, nil); err != nil {
			return err
		}
	}
	if recount {
		counter := refold.NewIssueCounter(loaded)
		if err := counter.AddRange(ctx, tx, b.store.Log, eventlog.Range{UpTo: g.LoadUpTo}); err != nil {
			return err
		}
		if err := b.builder.Issues.SetIssues(ctx, tx, g.ID, counter.Issues()); err != nil {
			return err
		}
	}
	return b.builder.Erasures.DeletePending(ctx, tx, g.ID)
}
