package erasure

import (
	"context"
	"fmt"

	"relay/app"
	"relay/app/refold"
	"relay/domain/eventlog"
)

// needs is what a try lacks: work that takes as long as reading the log, too long
// to be done while the try keeps the live projections from moving.
type needs struct {
	search bool      // the log is to be searched for other ids, or anew
	counts []*target // generations of which the issues are to be counted
}

func (n needs) nothing() bool { return !n.search && len(n.counts) == 0 }

// prepare does, without locks, what a try lacked, and returns what is found now.
func (f *Forgetter) prepare(ctx context.Context, people []Person, found *search, lacking needs) (*search, error) {
	if lacking.search {
		return f.search(ctx, people)
	}
	for _, t := range lacking.counts {
		c, err := f.countIssues(ctx, t, found)
		if err != nil {
			return nil, fmt.Errorf("count what generation %d of %s ignores: %w", t.generation.ID, t.generation.Projection, err)
		}
		found.counts[t.generation.ID] = c
	}
	return found, nil
}

// search searches the whole log for the groups of the people as they are served
// now. No snapshot is held for long: the log is read piece by piece, each piece
// in a transaction of its own.
func (f *Forgetter) search(ctx context.Context, people []Person) (*search, error) {
	var found *search
	var head eventlog.Offset
	err := f.DB.InSnapshot(ctx, func(tx app.Tx) error {
		served, err := f.Generations.AllServing(ctx, tx)
		if err != nil {
			return err
		}
		groups, err := groupsOf(ctx, tx, f.Identities, idsOf(served), people)
		if err != nil {
			return err
		}
		found = newSearch(f.Log, f.Searcher, people, groups)
		head, err = f.Log.Head(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, pass := range found.passes() {
		for _, r := range (eventlog.Range{UpTo: head}).Without(nil, app.Chunk) {
			if err := f.DB.InSnapshot(ctx, func(tx app.Tx) error { return pass(ctx, tx, r) }); err != nil {
				return nil, fmt.Errorf("search the log: %w", err)
			}
		}
	}
	found.upTo = head
	return found, nil
}

// count is how far what a generation ignores was counted, without the calls that
// go.
type count struct {
	issues *refold.IssueCounter
	upTo   eventlog.Offset
	// controls is the offset of the last control entry when the count began. After
	// a later one the count is of no use: the mappings may have changed, or other
	// calls may have been erased.
	controls eventlog.Offset
}

// countIssues counts what a generation ignores, up to where the log was searched.
func (f *Forgetter) countIssues(ctx context.Context, t *target, found *search) (*count, error) {
	c := &count{issues: refold.NewIssueCounter(t.rows), upTo: min(t.generation.Checkpoint, found.upTo), controls: t.controls}
	for _, r := range (eventlog.Range{UpTo: c.upTo}).Without(nil, app.Chunk) {
		err := f.DB.InSnapshot(ctx, func(tx app.Tx) error {
			return f.Log.Read(ctx, tx, r, t.rows.Kinds(), func(e *eventlog.Entry) error {
				left, _, err := found.without(e)
				if err == nil {
					c.issues.Add(&left)
				}
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}
