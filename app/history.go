package app

import (
	"context"
	"encoding/json"
	"fmt"

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
		Timelines: mapping.NewTimelines(projections.Names()...),
	}
	for _, e := range entries {
		if err := h.add(e); err != nil {
			return History{}, fmt.Errorf("control entry at log offset %d: %w", e.Offset, err)
		}
	}
	return h, nil
}

func (h *History) add(e eventlog.ControlEntry) error {
	h.Head = e.Offset
	mapping.Fold(h.Timelines, e.Control, e.Offset)
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
	return h.Versions[h.Timelines[projections.Profiles].Current()]
}

// Mappings returns what holds for a projection; with replay, what would hold
// after it.
func (h History) Mappings(projection string, replay *Replay) projections.Mappings {
	timeline := h.Timelines[projection]
	if replay != nil {
		timeline = timeline.Reproject(replay.From, replay.Version, replay.AsOf)
	}
	specs := make(map[int]*mapping.Spec, len(h.Versions))
	for n, v := range h.Versions {
		specs[n] = &v.Spec
	}
	return projections.Mappings{Timeline: timeline, Specs: specs}
}

// Replay is the change of the timeline that a re-projection makes: from From on
// Version holds, but for what was activated after AsOf.
type Replay struct {
	From    eventlog.Offset
	Version int
	AsOf    eventlog.Offset
}
