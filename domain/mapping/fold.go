package mapping

import "relay/domain/eventlog"

// Timelines holds a timeline for each projection, by its name.
type Timelines map[string]Timeline

// Fold returns the timelines of the projections under the control entries of a
// log, which come in its order. Like all folds it knows no clock and no I/O: the
// same log gives the same timelines. A re-projection that a later entry undoes
// does not count, unless what undoes it is undone itself.
func Fold(entries []eventlog.ControlEntry, names ...string) Timelines {
	timelines := make(Timelines, len(names))
	for _, name := range names {
		timelines[name] = NewTimeline()
	}
	undone := undoneBy(entries)
	for _, e := range entries {
		if e.MappingActivated != nil || !undone[e.Offset] {
			timelines.fold(e)
		}
	}
	return timelines
}

// undoneBy returns the offsets of the entries that do not count. What undoes an
// entry comes after it, so the last entries decide first.
func undoneBy(entries []eventlog.ControlEntry) map[eventlog.Offset]bool {
	undone := map[eventlog.Offset]bool{}
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		if e.Undone != nil && !undone[e.Offset] && e.Undone.Entry < e.Offset {
			undone[e.Undone.Entry] = true
		}
	}
	return undone
}

func (t Timelines) fold(e eventlog.ControlEntry) {
	if m := e.MappingActivated; m != nil {
		for name := range t {
			t[name] = t[name].Activate(e.Offset, m.Version)
		}
	}
	if r := e.Reprojected; r != nil {
		for _, name := range r.Projections {
			if timeline, ok := t[name]; ok {
				t[name] = timeline.Reproject(r.From, r.Version, r.AsOf)
			}
		}
	}
}
