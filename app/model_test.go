package app_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/domain/profile"
	"relay/projections"
	"relay/projections/model"
)

// shadow follows a world's history with the model's own means.
type shadow struct {
	names     []string // of the projections
	mappings  map[int]model.Mapping
	timelines map[string][]model.Span
	current   int
	// redo is what undoing the last re-projection, or undoing that, brings back:
	// the timelines before it, with what was activated since; nil: nothing.
	redo map[string][]model.Span
}

// newShadow returns a shadow of a world that has more projections than the two.
func newShadow(more ...string) *shadow {
	return &shadow{names: append([]string{projections.Profiles, projections.Events}, more...), mappings: map[int]model.Mapping{}, timelines: map[string][]model.Span{}, current: 1}
}

func (s *shadow) applied(version int, at eventlog.Offset, spec mapping.Spec) {
	m := model.Mapping{EventPrefix: spec.EventPrefix, Preferences: map[string]string{}, Channels: map[string][]string{}, Events: spec.EventNames(), Identity: spec.Identity.String()}
	for i, trait := range spec.Preferences {
		if trait != "" {
			m.Preferences[profile.Preference(i).String()] = trait
		}
	}
	for i, traits := range spec.Channels {
		m.Channels[profile.Channel(i).String()] = traits
	}
	s.mappings[version], s.current = m, version
	for _, p := range s.names {
		s.timelines[p] = model.Activate(s.timelines[p], int64(at), version)
		if s.redo != nil {
			s.redo[p] = model.Activate(s.redo[p], int64(at), version)
		}
	}
}

func (s *shadow) undone() { s.timelines, s.redo = s.redo, s.timelines }

func (s *shadow) reprojected(names []string, from eventlog.Offset) {
	s.redo = maps.Clone(s.timelines)
	for _, p := range names {
		s.timelines[p] = model.Reproject(s.timelines[p], int64(from), s.current)
	}
}

// check holds the world's views against the model.
func (s *shadow) check(t tb, w *world) {
	t.Helper()
	entries := readRows[struct {
		model.Entry
		Payload []byte
		Route   string
	}](t, w, `SELECT jsonb_build_object('Offset', log_offset, 'ReceivedAt', received_at, 'Source', source, 'Payload', encode(payload, 'base64'), 'Route', route) FROM relay.payloads ORDER BY log_offset`)
	world := model.World{Mappings: s.mappings}
	for _, e := range entries {
		e.Entry.Body = e.Payload
		if kind, typed := strings.CutPrefix(e.Route, "/v1/"); typed {
			e.Entry.PathType = kind
		}
		world.Entries = append(world.Entries, e.Entry)
	}
	world.Timeline = s.timelines[projections.Profiles]
	profiles := model.Fold(world)
	world.Timeline = s.timelines[projections.Events]
	events := model.Fold(world)
	var differences []string
	differences = append(differences, model.Diff(readRows[model.Profile](t, w, `SELECT to_jsonb(p) FROM relay.profiles p`), profiles.Profiles)...)
	differences = append(differences, model.Diff(readRows[model.ProfileChannel](t, w, `SELECT to_jsonb(p) FROM relay.profile_channels p`), profiles.ProfileChannels)...)
	differences = append(differences, model.Diff(readRows[model.Identity](t, w, `SELECT to_jsonb(i) FROM relay.identities i`), profiles.Identities)...)
	differences = append(differences, model.Diff(readRows[model.Event](t, w, `SELECT to_jsonb(p) FROM relay.events p`), events.Events)...)
	if slices.Contains(s.names, "daily") {
		s.checkDaily(t, w)
	}
	if len(differences) > 0 {
		t.Fatalf("the views differ from the model:\n%s", strings.Join(differences, "\n"))
	}
}

// readRows reads rows that come as JSON.
func readRows[R any](t tb, w *world, query string) (rows []R) {
	t.Helper()
	for _, text := range w.rows(t, query) {
		d := json.NewDecoder(bytes.NewReader([]byte(strings.ReplaceAll(text, `\n`, ""))))
		d.UseNumber()
		var row R
		if err := d.Decode(&row); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		rows = append(rows, row)
	}
	return rows
}
