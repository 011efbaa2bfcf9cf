package app

import (
	"fmt"
	"strings"
	"time"

	"relay/domain/eventlog"
	"relay/domain/mapping"
)

// MappingChange is an entry of the log that changed which mapping version is in
// force, or where.
type MappingChange struct {
	Offset      eventlog.Offset  `json:"log_offset"`
	At          time.Time        `json:"at"`
	Kind        ChangeKind       `json:"kind"`
	Version     int              `json:"version"`                  // that was put in force or applied to the past
	Former      int              `json:"former_version,omitempty"` // that was in force before, of Applied and RolledBack
	Changes     []mapping.Change `json:"changes,omitempty"`        // from Former to Version
	Note        string           `json:"note,omitempty"`
	Projections []string         `json:"projections,omitempty"` // that were re-projected
	From        eventlog.Offset  `json:"from_offset,omitempty"` // from which the version applies
	Undoes      eventlog.Offset  `json:"undoes,omitempty"`      // the entry that counts no more
	UndoneBy    eventlog.Offset  `json:"undone_by,omitempty"`   // the entry for which this one counts no more
}

// ChangeKind is what a MappingChange did.
type ChangeKind string

// The kinds of changes.
const (
	ChangeApplied     ChangeKind = "applied"     // a new version is in force
	changeRolledBack  ChangeKind = "rolled_back" // an earlier version is in force again
	changeReprojected ChangeKind = "reprojected" // the version applies to the past, too
	changeUndone      ChangeKind = "undone"      // a re-projection, or the undoing of one, counts no more
)

// String says what was done in a few words.
func (c MappingChange) String() string {
	switch c.Kind {
	case ChangeApplied:
		return fmt.Sprintf("applied version %d", c.Version)
	case changeRolledBack:
		return fmt.Sprintf("rolled back to version %d", c.Version)
	case changeReprojected:
		return fmt.Sprintf("re-projected %s with version %d", strings.Join(c.Projections, " and "), c.Version)
	}
	return fmt.Sprintf("undid the entry at log offset %d", c.Undoes)
}

// MappingChanges returns all changes in the order of the log.
func (h History) MappingChanges() []MappingChange {
	list, current := []MappingChange{}, 1
	known, places := map[int]bool{1: true}, map[eventlog.Offset]int{}
	undone := mapping.UndoneBy(h.entries)
	for _, e := range h.entries {
		change := MappingChange{Offset: e.Offset, At: e.ReceivedAt.UTC(), UndoneBy: undone[e.Offset]}
		switch {
		case e.MappingActivated != nil:
			change.activated(h, e, current, known)
			current = change.Version
		case e.Reprojected != nil:
			change.Kind, change.Version = changeReprojected, e.Reprojected.Version
			change.Projections, change.From = e.Reprojected.Projections, e.Reprojected.From
		case e.Undone != nil:
			change.Kind, change.Undoes = changeUndone, e.Undone.Entry
			if at, ok := places[e.Undone.Entry]; ok {
				former := list[at]
				change.Version, change.Projections, change.From = former.Version, former.Projections, former.From
			}
		default:
			continue // it says nothing of mappings
		}
		places[e.Offset] = len(list)
		list = append(list, change)
	}
	return list
}

// activated fills in what an activation changed. A version that is known already
// was rolled back to.
func (c *MappingChange) activated(h History, e eventlog.ControlEntry, current int, known map[int]bool) {
	c.Version, c.Former, c.From = e.MappingActivated.Version, current, e.Offset
	c.Kind = ChangeApplied
	if known[c.Version] {
		c.Kind = changeRolledBack
	} else {
		c.Note = e.MappingActivated.Note
	}
	known[c.Version] = true
	c.Changes = mapping.Diff(h.Versions[c.Former].Spec, h.Versions[c.Version].Spec)
}
