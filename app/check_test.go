package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"relay/adapters/postgres/logstore"
	"relay/app"
	"relay/app/replay"
)

// runner runs what relay serve runs in the background.
func (w *world) runner() *replay.Runner {
	return &replay.Runner{New: func(report func(replay.Progress)) *replay.Reprojector {
		r := w.reprojector()
		r.Builder.Report = report
		return r
	}}
}

// checks returns a job for each kind of check.
func checks(t *testing.T, chosen []app.Projection) map[string]replay.CheckJob {
	t.Helper()
	from := parsed(t, "beginning")
	return map[string]replay.CheckJob{
		replay.Verification: func(ctx context.Context, c *replay.Checker) (found replay.Found, err error) {
			found.Verified, err = c.Verify(ctx, chosen)
			return found, err
		},
		replay.DryRun: func(ctx context.Context, c *replay.Checker) (replay.Found, error) {
			preview, err := c.DryRun(ctx, from, chosen)
			return replay.Found{Preview: &preview}, err
		},
	}
}

func (w *world) building(t tb) []string {
	t.Helper()
	return w.rows(t, `SELECT id FROM relay_store.generations WHERE status = 'building' ORDER BY id`)
}

// TestCancelledChecks: a check that somebody cancels ends while it waits for a
// lock, and leaves nothing of its own; what an interrupted re-projection kept
// stays until it is cancelled itself.
func TestCancelledChecks(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{replay.Verification, replay.DryRun} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := filled(t)
			before, jobs := w.served(t), checks(t, w.all)
			w.leaveInterrupted(t)
			kept := w.building(t)
			held, err := w.db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer held.Rollback()
			if _, err := held.Exec(`SELECT FROM relay_store.generations WHERE status = 'serving' FOR UPDATE`); err != nil {
				t.Fatal(err)
			}
			runner := w.runner()
			if err := runner.StartCheck(t.Context(), kind, jobs[kind]); err != nil {
				t.Fatal(err)
			}
			w.comparing(t, runner)
			if err := runner.StartCheck(t.Context(), kind, jobs[kind]); !errors.Is(err, replay.ErrBusy) {
				t.Errorf("a second one, in the same process: %v", err)
			}
			if _, err := jobs[kind](t.Context(), w.checker()); !errors.Is(err, replay.ErrBusy) {
				t.Errorf("a second one, elsewhere: %v", err)
			}
			if found, err := w.reprojector().Cancel(t.Context()); !found || err != nil {
				t.Errorf("cancel: %v, %v", found, err)
			}
			<-runner.Ended()
			if last, ok := runner.Check(); !ok || last.Kind != kind || !errors.Is(last.Err, replay.ErrCancelled) || last.EndedAt.IsZero() {
				t.Errorf("it ended as %+v", last)
			}
			if got := w.building(t); len(kept) == 0 || !slices.Equal(got, kept) {
				t.Errorf("generations %v are kept, want %v of the interrupted re-projection", got, kept)
			}
			if found, err := w.reprojector().Cancel(t.Context()); !found || err != nil || len(w.building(t)) > 0 {
				t.Errorf("cancel the interrupted one: %v, %v, %v are kept", found, err, w.building(t))
			}
			if found, err := w.reprojector().Cancel(t.Context()); found || err != nil {
				t.Errorf("cancel nothing: %v, %v", found, err)
			}
			if got := w.served(t); got != before {
				t.Errorf("people see\n%s\nwant\n%s", got, before)
			}
		})
	}
}

// leaveInterrupted leaves a re-projection that can be resumed.
func (w *world) leaveInterrupted(t *testing.T) {
	t.Helper()
	from := parsed(t, "beginning")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := w.reprojector()
	r.Builder.Report = func(p replay.Progress) {
		if p.Phase == replay.PhaseCatchingUp {
			cancel()
		}
	}
	if _, err := r.PlanAndRun(ctx, from, w.all, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("the interrupted one ended with %v", err)
	}
}

// comparing waits until the check compares.
func (w *world) comparing(t *testing.T, runner *replay.Runner) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		last, ok := runner.Check()
		if ok && last.Progress.Phase == replay.PhaseComparing {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not compare: %+v", last)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func parsed(t *testing.T, text string) replay.From {
	t.Helper()
	from, err := replay.ParseFrom(text, logstore.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	return from
}

// ended runs a check to its end and returns what is kept of it.
func (w *world) ended(t *testing.T, runner *replay.Runner, kind string, job replay.CheckJob) replay.Check {
	t.Helper()
	if err := runner.StartCheck(t.Context(), kind, job); err != nil {
		t.Fatal(err)
	}
	<-runner.Ended()
	last, ok := runner.Check()
	if !ok || last.Kind != kind || last.EndedAt.Before(last.StartedAt) || len(w.building(t)) > 0 {
		t.Errorf("kept: %v, %+v; left over: %v", ok, last, w.building(t))
	}
	return last
}

// TestRunnerKeepsFindings: what a check found, or how it failed, is kept until
// something else is under way; what could not begin changes nothing of it.
func TestRunnerKeepsFindings(t *testing.T) {
	t.Parallel()
	w := filled(t)
	runner, jobs := w.runner(), checks(t, w.all)
	run := func(kind string, job replay.CheckJob) replay.Check { t.Helper(); return w.ended(t, runner, kind, job) }
	if _, ok := runner.Check(); ok {
		t.Error("there is a check before the first one")
	}
	if last := run(replay.Verification, jobs[replay.Verification]); last.Err != nil || len(last.Found.Verified) != 2 || last.Found.Verified[0].Differences+last.Found.Verified[1].Differences != 0 {
		t.Errorf("verification: %+v", last)
	}
	last := run(replay.DryRun, jobs[replay.DryRun])
	if last.Err != nil || last.Found.Preview == nil || len(last.Found.Preview.Projections) != 2 || len(last.Found.Preview.Projections[0].Examples) == 0 {
		t.Errorf("dry run: %+v", last)
	}
	nowhere := parsed(t, "mapping:99")
	err := runner.StartCheck(t.Context(), replay.DryRun, func(ctx context.Context, c *replay.Checker) (replay.Found, error) {
		_, err := c.DryRun(ctx, nowhere, w.all)
		return replay.Found{}, err
	})
	if !errors.Is(err, app.ErrNotFound) {
		t.Errorf("from nowhere: %v", err)
	}
	if after, _ := runner.Check(); after.StartedAt != last.StartedAt {
		t.Errorf("what did not begin took the place of what was found: %+v", after)
	}
	full := fmt.Errorf("%w: no space", app.ErrDiskFull)
	faulty := slices.Clone(w.all)
	for i, p := range faulty {
		faulty[i] = withFault(p, full)
	}
	if last := run(replay.DryRun, checks(t, faulty)[replay.DryRun]); !errors.Is(last.Err, app.ErrDiskFull) {
		t.Errorf("on a full disk: %+v", last)
	}
	from := parsed(t, "beginning")
	if _, err := runner.Start(t.Context(), func(r *replay.Reprojector, ctx context.Context) (replay.Reprojection, error) {
		return r.PlanAndRun(ctx, from, w.all, nil)
	}); err != nil {
		t.Fatal(err)
	}
	if last, ok := runner.Check(); ok {
		t.Errorf("a re-projection runs, and there still is %+v", last)
	}
	runner.Wait()
}

// TestChecksEndWithTheirProcess: a check whose context ends drops what it built.
func TestChecksEndWithTheirProcess(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{replay.PhaseLoading, replay.PhaseIndexing, replay.PhaseComparing} {
		for _, kind := range []string{replay.Verification, replay.DryRun} {
			w := filled(t)
			ctx, cancel := context.WithCancel(t.Context())
			c := w.checker()
			c.Builder.Report = func(p replay.Progress) {
				if p.Phase == phase {
					cancel()
				}
			}
			if _, err := checks(t, w.all)[kind](ctx, c); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, %s: it ended with %v", kind, phase, err)
			}
			cancel()
			if left := w.building(t); len(left) > 0 {
				t.Errorf("%s, %s: %v are left over", kind, phase, left)
			}
			w.verify(t)
		}
	}
}
