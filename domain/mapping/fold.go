package mapping

import "relay/domain/eventlog"

// Timelines holds a timeline for each projection.
type Timelines struct {
	named  map[string]Timeline // of projections that were re-projected
	others Timeline
}

// Of returns the timeline of a projection.
func (t Timelines) Of(projection string) Timeline {
	if timeline, ok := t.named[projection]; ok {
		return timeline
	}
	return t.others
}

// Fold returns the timelines that the control entries of a log, in log order, give
// the projections. Like all folds it uses no clock and no I/O: the same log gives
// the same timelines. A re-projection that a later entry undoes does not count,
// unless that entry is undone itself.
func Fold(entries []eventlog.ControlEntry) Timelines {
	timelines := Timelines{named: map[string]Timeline{}, others: NewTimeline()}
	undone := UndoneBy(entries)
	for _, e := range entries {
		if e.MappingActivated != nil || undone[e.Offset] == 0 {
			timelines.fold(e)
		}
	}
	return timelines
}

// UndoneBy returns, by the offset of each entry that does not count, the offset of
// the entry that undoes it. What undoes an entry comes after it, so the last entries
// decide first.
func UndoneBy(entries []eventlog.ControlEntry) map[eventlog.Offset]eventlog.Offset {
	undone := map[eventlog.Offset]eventlog.Offset{}
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		if e.Undone != nil && undone[e.Offset] == 0 && e.Undone.Entry < e.Offset {
			undone[e.Undone.Entry] = e.Offset
		}
	}
	return undone
}

func (t *Timelines) fold(e eventlog.ControlEntry) {
	if m := e.MappingActivated; m != nil {
		t.others = t.others.Activate(e.Offset, m.Version)
		for name := range t.named {
			t.named[name] = t.named[name].Activate(e.Offset, m.Version)
		}
	}
	if r := e.Reprojected; r != nil {
		for _, name := range r.Projections {
			t.named[name] = t.Of(name).Reproject(r.From, r.Version, r.AsOf)
		}
	}
}
