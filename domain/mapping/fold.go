package mapping

import "relay/domain/eventlog"

// Timelines holds a timeline for each projection, by its name.
type Timelines map[string]Timeline

// NewTimelines returns the timelines of an empty log.
func NewTimelines(projections ...string) Timelines {
	t := make(Timelines, len(projections))
	for _, name := range projections {
		t[name] = NewTimeline()
	}
	return t
}

// Fold takes in the control entry that stands at the offset. Controls are folded
// in the order of the log. Like all folds it knows no clock and no I/O: the same
// log gives the same timelines.
func Fold(t Timelines, c eventlog.Control, at eventlog.Offset) {
	if m := c.MappingActivated; m != nil {
		for name := range t {
			t[name] = t[name].Activate(at, m.Version)
		}
	}
	if r := c.Reprojected; r != nil {
		for _, name := range r.Projections {
			if timeline, ok := t[name]; ok {
				t[name] = timeline.Reproject(r.From, r.Version, r.AsOf)
			}
		}
	}
}
