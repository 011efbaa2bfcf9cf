package app_test

import (
	"fmt"
	"slices"
	"testing"

	"relay/app"
	"relay/domain/mapping"
)

// TestMappingChanges: the history tells of every version that was applied or rolled
// back to, of re-projections and of what undid them, and shows what a version
// changed of the one that was in force before it.
func TestMappingChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spec := mapping.Default()
	for _, prefix := range []string{"two ", "three "} {
		spec.EventPrefix = prefix
		w.apply(t, spec)
	}
	w.rollback(t, 1)
	spec.EventPrefix = "four "
	w.apply(t, spec)
	w.reproject(t, "beginning", w.all[:1])
	w.reproject(t, "beginning", w.all)
	w.undo(t)
	want := []string{
		`applied 2, was 1: [{event_prefix (none) "two "}]`,
		`applied 3, was 2: [{event_prefix "two " "three "}]`,
		`rolled_back 1, was 3: [{event_prefix "three " (none)}]`,
		`applied 4, was 1: [{event_prefix (none) "four "}]`,
		`reprojected 4 from 1: [profiles]`,
		`reprojected 4 from 1: [profiles events], undone`,
		`undone 4 from 1: [profiles events]`,
	}
	if got := w.changes(t); !slices.Equal(got, want) {
		t.Errorf("the changes are\n%q, want\n%q", got, want)
	}
}

// changes are the mapping's changes, each as a line.
func (w *world) changes(t *testing.T) (list []string) {
	t.Helper()
	_, history, err := w.mappings().History(t.Context())
	if err != nil {
		t.Fatalf("history: %v", err)
	}
	last := app.MappingChange{}
	for _, c := range history.MappingChanges() {
		if c.Offset <= last.Offset || c.At.Before(last.At) || c.At.IsZero() {
			t.Fatalf("%+v comes after %+v", c, last)
		}
		last = c
		line := fmt.Sprintf("%s %d from %d: %v", c.Kind, c.Version, c.From, c.Projections)
		if c.Former > 0 {
			line = fmt.Sprintf("%s %d, was %d: %v", c.Kind, c.Version, c.Former, c.Changes)
		}
		if c.UndoneBy > 0 {
			line += ", undone"
		}
		list = append(list, line)
	}
	return list
}
