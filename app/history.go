package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/projections"
)

// History is what the control entries say: every mapping version, and the
// timeline of each projection.
type History struct {
	Versions  map[int]mapping.Version
	Activated map[int]eventlog.Offset // where each version was applied first
	Timelines mapping.Timelines
	Head      eventlog.Offset // of the last control entry, 0 before the first

	entries []eventlog.ControlEntry
}

// ReadHistory folds the log's control entries.
func ReadHistory(ctx context.Context, tx Tx, controls Controls) (History, error) {
	entries, err := controls.All(ctx, tx)
	if err != nil {
		return History{}, fmt.Errorf("read the log's control entries: %w", err)
	}
	h := History{
		Versions:  map[int]mapping.Version{1: {Number: 1, Spec: mapping.Default(), Note: "the default mapping"}},
		Activated: map[int]eventlog.Offset{1: eventlog.FirstOffset},
		Timelines: mapping.Fold(entries),
		entries:   entries,
	}
	for _, e := range entries {
		h.Head = e.Offset
		if err := h.addVersion(e); err != nil {
			return History{}, fmt.Errorf("control entry at log offset %d: %w", e.Offset, err)
		}
	}
	return h, nil
}

func (h *History) addVersion(e eventlog.ControlEntry) error {
	activated := e.Control.MappingActivated
	if activated == nil {
		return nil
	}
	if _, known := h.Versions[activated.Version]; known {
		return nil
	}
	var spec mapping.Spec
	if err := json.Unmarshal(activated.Spec, &spec); err != nil {
		return fmt.Errorf("mapping version %d: %w", activated.Version, err)
	}
	h.Versions[activated.Version] = mapping.Version{
		Number: activated.Version, Spec: spec, Note: activated.Note, CreatedAt: activated.CreatedAt,
	}
	h.Activated[activated.Version] = e.Offset
	return nil
}

// After returns the control entries behind an offset, in order.
func (h History) After(offset eventlog.Offset) []eventlog.ControlEntry {
	i := slices.IndexFunc(h.entries, func(e eventlog.ControlEntry) bool { return e.Offset > offset })
	if i < 0 {
		return nil
	}
	return h.entries[i:]
}

// Latest returns the greatest version number.
func (h History) Latest() int {
	latest := 1
	for n := range h.Versions {
		latest = max(latest, n)
	}
	return latest
}

// Current returns the version that holds for new payloads.
func (h History) Current() mapping.Version {
	return h.Versions[h.Timelines.Of(projections.Profiles).Current()]
}

// Mappings returns what holds for a projection; with a replay, what would hold
// after it.
func (h History) Mappings(projection string, replay *Replay) projections.Mappings {
	specs := make(map[int]*mapping.Spec, len(h.Versions))
	for n, v := range h.Versions {
		specs[n] = &v.Spec
	}
	return projections.Mappings{Timeline: h.Timeline(projection, replay), Specs: specs}
}

// Only returns a version as if it had always held.
func (h History) Only(version int) projections.Mappings {
	spec := h.Versions[version].Spec
	return projections.Mappings{
		Timeline: mapping.NewTimeline().Activate(eventlog.FirstOffset, version),
		Specs:    map[int]*mapping.Spec{version: &spec},
		Joined:   spec.Identity == mapping.Join,
	}
}

func (h History) Timeline(projection string, replay *Replay) mapping.Timeline {
	switch {
	case replay == nil:
		return h.Timelines.Of(projection)
	case replay.Undo == 0:
		return h.Timelines.Of(projection).Reproject(replay.From, replay.Version, replay.AsOf)
	}
	undone := eventlog.ControlEntry{Offset: h.Head + 1, Control: eventlog.Control{Undone: &eventlog.Undone{Entry: replay.Undo}}}
	return mapping.Fold(append(slices.Clip(h.entries), undone)).Of(projection)
}

// Replay is the change of the timeline that a re-projection makes: from From on
// Version holds, but for what was activated after AsOf. With Undo it is the
// timeline without the control entry at that offset.
type Replay struct {
	From    eventlog.Offset `json:"from_offset"`
	Version int             `json:"mapping_version"`
	AsOf    eventlog.Offset `json:"-"`
	Undo    eventlog.Offset `json:"-"` // 0: nothing is undone
}

// AsControl is what the log says of the change once it is made.
func (r Replay) AsControl(projections []string) eventlog.Control {
	if r.Undo != 0 {
		return eventlog.Control{Undone: &eventlog.Undone{Entry: r.Undo}}
	}
	return eventlog.Control{Reprojected: &eventlog.Reprojected{Projections: projections, From: r.From, Version: r.Version, AsOf: r.AsOf}}
}

// Timelines keeps the folded timelines where SQL can read them.
type Timelines interface {
	// Save saves the timeline of each projection that has generations.
	Save(ctx context.Context, tx Tx, h History) error
}
