package app

import (
	"context"
	"errors"
	"fmt"

	"relay/domain/eventlog"
	"relay/projections"
)

// recount counts anew what a projection's fold ignores.
type recount struct {
	projection Projection
	mappings   projections.Mappings
	reader     projections.Reader
	fold       projections.Fold
	issues     projections.Issues

	upTo     eventlog.Offset // what is counted
	controls eventlog.Offset // the last control entry when it began
}

func newRecount(p Projection, mappings projections.Mappings) *recount {
	return &recount{projection: p, mappings: mappings, fold: p.fold(), issues: projections.Issues{}}
}

// recountSize is how many bytes of rows, which nobody wants, a recount may hold.
const recountSize = 16 << 20

func (c *recount) add(e *eventlog.Entry) {
	c.reader.Read(e, c.mappings, c.fold)
	if c.fold.Size() > recountSize {
		c.issues, c.fold = c.total(), c.projection.fold()
	}
}

func (c *recount) total() projections.Issues {
	c.issues.Merge(c.fold.Ignored())
	return c.issues
}

// read counts a range as it stands in the log.
func (c *recount) read(ctx context.Context, tx Tx, log LogReader, r eventlog.Range) error {
	err := log.Read(ctx, tx, r, c.projection.Under(c.mappings).Kinds, func(e *eventlog.Entry) error {
		c.add(e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count anew what is ignored: %w", err)
	}
	return nil
}

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
		c := newRecount(t.projection, t.mappings)
		c.controls, c.upTo = controls, min(t.Checkpoint, s.searched)
		for _, r := range (eventlog.Range{UpTo: c.upTo}).Without(nil, chunk) {
			err := s.DB.InSnapshot(ctx, func(tx Tx) error {
				return s.Log.Read(ctx, tx, r, c.projection.Under(c.mappings).Kinds, func(e *eventlog.Entry) error { return s.countWithout(c, e) })
			})
			if err != nil {
				return fmt.Errorf("count anew what is ignored: %w", err)
			}
		}
		s.counts[t.ID] = c
	}
	return nil
}

func (s *search) countWithout(c *recount, e *eventlog.Entry) error {
	if !s.entries[e.Offset] {
		c.add(e)
		return nil
	}
	left, _, err := s.without(e)
	if err == nil {
		c.add(&left)
	}
	return err
}

// counted returns what the generation's fold ignores now that the calls are
// gone.
func (e *erasure) counted(ctx context.Context, tx Tx, t *target) (projections.Issues, error) {
	c := e.counts[t.ID]
	if c == nil || c.controls != e.controls || c.upTo > t.Checkpoint {
		if e.mayTryAgain {
			e.wanted = append(e.wanted, t)
			return nil, errCountAhead
		}
		c = newRecount(t.projection, t.mappings)
	}
	delete(e.counts, t.ID) // what comes now is of this try
	err := c.read(ctx, tx, e.Log, eventlog.Range{After: c.upTo, UpTo: t.Checkpoint})
	return c.total(), err
}
