package projections

import (
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Chosen is a fold that passes chosen calls on to another one, and nothing else. It
// serves to fold entries once more: what else is in them was folded before, and
// what had to be ignored was counted then.
type Chosen struct {
	Fold Fold
	Want func(*eventlog.Entry, *segment.Call) bool // nil: all calls
}

var _ Fold = Chosen{}

// Call implements Fold.
func (f Chosen) Call(e *eventlog.Entry, c *segment.Call, m Mapping) {
	if f.Want == nil || f.Want(e, c) {
		f.Fold.Call(e, c, m)
	}
}

// Reject implements Fold.
func (Chosen) Reject(*eventlog.Entry, string, int) {}

// Ignored implements Fold. What is added to the result is lost.
func (Chosen) Ignored() Issues { return Issues{} }

// Size implements Fold.
func (f Chosen) Size() int { return f.Fold.Size() }
