package sample

import (
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// batch is what was folded of some ranges of the log.
type batch struct {
	ranges  []eventlog.Range
	reader  projections.Reader
	rebuilt *peopleFold // under the timeline that is compared
	served  *peopleFold // under the timeline that is served; nil: it is the same
}

// newBatch returns an empty batch.
func (u *subset) newBatch() *batch {
	b := &batch{rebuilt: u.newFold(u.mappings(u.change))}
	if u.change != nil {
		b.served = u.newFold(u.mappings(nil))
	}
	return b
}

// accept replaces the set of people whose calls the batch accepts.
func (b *batch) accept(ids map[string]bool) {
	b.rebuilt.accepted = ids
	if b.served != nil {
		b.served.accepted = ids
	}
}

// add folds an entry.
func (b *batch) add(e *eventlog.Entry) {
	b.reader.Read(e, b.rebuilt.mappings, b.rebuilt)
	if b.served != nil {
		b.reader.Read(e, b.served.mappings, b.served)
	}
}

// peopleFold passes the calls of some people on to a fold, and counts them.
type peopleFold struct {
	fold      projections.Fold
	mappings  projections.Mappings
	kinds     segment.Kinds
	anonymous bool            // whether calls without a userId count
	joined    bool            // whether such a call is its anonymousId's; else it is nobody's
	accepted  map[string]bool // ids of people; nil: everybody

	people map[string]bool // ids of the calls that were folded
	calls  int64           // that were folded
}

func (u *subset) newFold(mappings projections.Mappings) *peopleFold {
	joined := u.linking != nil
	return &peopleFold{
		fold: u.projection.Fold(), mappings: mappings, kinds: u.projection.Kinds,
		anonymous: u.projection.PerCall || joined, joined: joined, accepted: u.people, people: map[string]bool{},
	}
}

// Call implements projections.Fold.
func (f *peopleFold) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	id, owner := c.UserID, c.UserID
	if id == "" && f.anonymous {
		id = c.AnonymousID
	}
	if f.joined {
		owner = id
	}
	if !c.Kind.Has(f.kinds) || id == "" || f.accepted != nil && !f.accepted[owner] {
		return
	}
	f.people[id] = true
	f.calls++
	f.fold.Call(e, c, m)
}

// Reject implements projections.Fold. An unusable call is nobody's.
func (f *peopleFold) Reject(e *eventlog.Entry, code string, n int) {
	if f.accepted == nil {
		f.fold.Reject(e, code, n)
	}
}

// Ignored implements projections.Fold.
func (f *peopleFold) Ignored() projections.Issues { return f.fold.Ignored() }

// Size implements projections.Fold.
func (f *peopleFold) Size() int { return f.fold.Size() }
