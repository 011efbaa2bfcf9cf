package erasure

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/app/live"
	"relay/domain/eventlog"
	"relay/projections"
)

// errCountAhead ends a try of an erasure that needs a recount which nobody made:
// it takes as long as reading the log, too long to hold live projections.
var errCountAhead = errors.New("what is ignored has to be counted anew")

// maxAhead is how often a search or a recount is made before the erasure.
// Somebody who erases others all the while makes each of no use; the last try
// does it all under its locks.
const maxAhead = 3

// countAhead counts what is ignored for the generations that the last try found
// to need it, without the calls that go, and without a lock.
func (s *search) countAhead(ctx context.Context, wanted []*target, controls eventlog.Offset) error {
	for _, t := range wanted {
		c := live.NewRecount(t.projection, t.mappings)
		c.Controls, c.UpTo = controls, min(t.Checkpoint, s.searched)
		for _, r := range (eventlog.Range{UpTo: c.UpTo}).Without(nil, app.Chunk) {
			err := s.DB.InSnapshot(ctx, func(tx app.Tx) error {
				return s.Log.Read(ctx, tx, r, c.Projection.Under(c.Mappings).Kinds, func(e *eventlog.Entry) error { return s.countWithout(c, e) })
			})
			if err != nil {
				return fmt.Errorf("count anew what is ignored: %w", err)
			}
		}
		s.counts[t.ID] = c
	}
	return nil
}

func (s *search) countWithout(c *live.Recount, e *eventlog.Entry) error {
	if !s.entries[e.Offset] {
		c.Add(e)
		return nil
	}
	left, _, err := s.without(e)
	if err == nil {
		c.Add(&left)
	}
	return err
}

// counted returns what the generation's fold ignores now that the calls are
// gone.
func (e *erasure) counted(ctx context.Context, tx app.Tx, t *target) (projections.Issues, error) {
	c := e.counts[t.ID]
	if c == nil || c.Controls != e.controls || c.UpTo > t.Checkpoint {
		if e.mayTryAgain {
			e.wanted = append(e.wanted, t)
			return nil, errCountAhead
		}
		c = live.NewRecount(t.projection, t.mappings)
	}
	delete(e.counts, t.ID) // what comes now is of this try
	err := c.Read(ctx, tx, e.Log, eventlog.Range{After: c.UpTo, UpTo: t.Checkpoint})
	return c.Total(), err
}
