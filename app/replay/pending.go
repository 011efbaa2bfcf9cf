package replay

import (
	"context"
	"slices"

	"relay/app"
	"relay/app/refold"
	"relay/domain/eventlog"
)

// erasePending removes from a generation whose load has just ended what the
// generation may hold of people who were erased during the load.
func (r *run) erasePending(ctx context.Context, tx app.Tx, p app.Projection, g app.Generation) error {
	pending, err := r.Erasures.Pending(ctx, tx, g.ID)
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
	loaded := refold.Generation{ID: g.ID, Projection: p, Mappings: r.loadMappings(g)}
	merger := refold.Merger{DB: r.DB, Log: r.Log}
	for _, e := range pending {
		entries := slices.DeleteFunc(e.Entries, func(o eventlog.Offset) bool { return o > g.LoadUpTo })
		if err := merger.Merge(ctx, tx, loaded, entries, nil); err != nil {
			return err
		}
	}
	if recount {
		counter := refold.NewIssueCounter(loaded)
		if err := counter.AddRange(ctx, tx, r.Log, eventlog.Range{UpTo: g.LoadUpTo}); err != nil {
			return err
		}
		if err := r.Issues.SetIssues(ctx, tx, g.ID, counter.Issues()); err != nil {
			return err
		}
	}
	return r.Erasures.Settle(ctx, tx, g.ID)
}
