package app_test

import (
	"errors"
	"testing"

	"relay/app/erasure"
	"relay/app/replay"
)

// TestOutdatedPlan: a plan is not run after the timeline was changed, and says
// what changed it; an erasure leaves it as it is.
func TestOutdatedPlan(t *testing.T) {
	t.Parallel()
	w := filled(t)
	planned := func() replay.Plan {
		t.Helper()
		plan, err := w.store().Plan(t.Context(), parsed(t, "beginning"), w.all)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	refused := func(plan replay.Plan, want string) {
		t.Helper()
		var outdated *replay.OutdatedPlan
		if _, err := w.reprojector().Run(t.Context(), plan); !errors.As(err, &outdated) || outdated.Change != want {
			t.Errorf("the run ended with %v, want %q", err, want)
		}
	}
	first := planned()
	version := w.apply(t, prefixed("two: ")).Version
	refused(first, "mapping version 3 was applied")
	if n := w.rows(t, `SELECT count(*)::text FROM relay.reprojections`)[0]; n != "0" || version != 3 {
		t.Errorf("%s runs are on record, and version %d was applied", n, version)
	}
	second := planned()
	if done, err := w.forgetter().Forget(t.Context(), erasure.Person{ID: "u3"}); err != nil || done.Calls == 0 {
		t.Fatalf("forget: %+v, %v", done, err)
	}
	if _, err := w.reprojector().Run(t.Context(), second); err != nil {
		t.Errorf("after an erasure: %v", err)
	}
	refused(second, "a re-projection from log offset 1 under mapping version 3 was done")
	third := planned()
	if !w.undo(t) {
		t.Fatal("it could not be undone")
	}
	refused(third, "a re-projection was undone")
	w.drain(t)
	w.verify(t)
}

// TestPlannedAgain: where the mapping changes between plan and run, the plan that
// is run was shown, and why the one before it was not run.
func TestPlannedAgain(t *testing.T) {
	t.Parallel()
	w := filled(t)
	var versions []int
	var because []string
	done, err := w.reprojector().PlanAndRun(t.Context(), parsed(t, "beginning"), w.all, func(plan replay.Plan, outdated *replay.OutdatedPlan) {
		versions = append(versions, plan.Version)
		if outdated != nil {
			because = append(because, outdated.Change)
		} else {
			w.apply(t, prefixed("two: "))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != 2 || versions[1] != 3 || done.Version != 3 || len(because) != 1 || because[0] != "mapping version 3 was applied" {
		t.Errorf("plans of versions %v were shown, again because %q; version %d was run", versions, because, done.Version)
	}
	w.drain(t)
	w.verify(t)
}
