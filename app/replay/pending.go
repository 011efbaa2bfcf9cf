package replay

import (
	"context"
	"slices"

	"relay/app"
	"relay/app/live"
	"relay/domain/eventlog"
)

// erasePending removes from a generation that was loaded just now what it may
// hold of persons who were erased meanwhile.
func (r *run) erasePending(ctx context.Context, tx app.Tx, p app.Projection, g app.Generation) error {
	pending, err := r.Erasures.Pending(ctx, tx, g.ID)
	if err != nil || len(pending) == 0 {
		return err
	}
	mappings, counted := r.loadMappings(g), true
	for _, e := range pending {
		if err := p.Tables.Rows.Erase(ctx, tx, g.ID, e.Erased); err != nil {
			return err
		}
		counted = counted && !e.Recount
	}
	fold := live.Refold{DB: r.DB, Log: r.Log, Projection: p, Generation: g.ID, Mappings: mappings}
	for _, e := range pending {
		loaded := slices.DeleteFunc(e.Entries, func(o eventlog.Offset) bool { return o > g.LoadUpTo })
		if err := fold.Merge(ctx, tx, loaded, live.EveryCall); err != nil {
			return err
		}
	}
	if !counted {
		count := live.NewRecount(p, mappings)
		if err := count.Read(ctx, tx, r.Log, eventlog.Range{UpTo: g.LoadUpTo}); err != nil {
			return err
		}
		if err := r.Issues.SetIssues(ctx, tx, g.ID, count.Total()); err != nil {
			return err
		}
	}
	return r.Erasures.Settle(ctx, tx, g.ID)
}
