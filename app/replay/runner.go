package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Runner runs re-projections and checks in the background of a process that
// serves, one at a time. It is safe for concurrent use.
type Runner struct {
	// New returns a reprojector that reports to the functions, which may be nil.
	New func(report func(Progress), started func(Reprojection)) *Reprojector

	mu      sync.Mutex
	running string        // what runs; empty: nothing
	ended   chan struct{} // closed when what runs, or ran last, has ended; nil: nothing did
	check   *Check        // the last, until something else is under way
	wg      sync.WaitGroup
}

// Job is one thing that a Reprojector can be asked to do: Run, Resume or Undo.
type Job func(ctx context.Context, r *Reprojector) (Reprojection, error)

// Start begins the job and returns when it is under way. It goes on until ctx
// ends, after which it can be resumed. ErrBusy if something runs already.
func (r *Runner) Start(ctx context.Context, job Job) (Reprojection, error) {
	started := make(chan Reprojection, 1)
	reprojector := r.New(nil, func(run Reprojection) {
		r.change(func() { r.check = nil })
		started <- run
	})
	failed, err := r.begin("re-projection", func() error {
		_, err := job(ctx, reprojector)
		return err
	}, func(err error) {
		if err != nil && !errors.Is(err, ErrBusy) {
			reprojector.Logger.Error("a re-projection ended", "error", err)
		}
	})
	if err != nil {
		return Reprojection{}, err
	}
	select {
	case run := <-started:
		return run, nil
	case err := <-failed:
		return Reprojection{}, err
	}
}

// CheckJob is a Verifier's Verify or a Reprojector's DryRun.
type CheckJob func(ctx context.Context, r *Reprojector) (Found, error)

// StartCheck begins a check and returns when it is under way, or has ended. From
// then on Check tells of it. The end of ctx is its end too. ErrBusy if something
// runs already.
func (r *Runner) StartCheck(ctx context.Context, kind string, job CheckJob) error {
	check, underway := &Check{Kind: kind, StartedAt: time.Now()}, make(chan struct{})
	show := sync.OnceFunc(func() {
		r.check = check
		close(underway)
	})
	reprojector := r.New(func(p Progress) {
		r.change(func() { show(); check.Progress = p })
	}, nil)
	var found Found
	failed, err := r.begin(kind, func() (err error) {
		found, err = job(ctx, reprojector)
		return err
	}, func(err error) {
		check.Found, check.Err, check.EndedAt = found, err, time.Now()
		switch {
		case err == nil:
			show() // there was nothing to report of
		case !errors.Is(err, ErrBusy) && !errors.Is(err, ErrCancelled):
			reprojector.Logger.Error("a check ended", "kind", kind, "error", err)
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-underway:
		return nil
	case err = <-failed:
	}
	select {
	case <-underway: // Check tells of the error
		return nil
	default:
		return err
	}
}

// begin runs do in the background, and after with its error while nobody can ask
// how it stands.
func (r *Runner) begin(what string, do func() error, after func(error)) (failed <-chan error, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != "" {
		return nil, fmt.Errorf("%w: a %s, in this process", ErrBusy, r.running)
	}
	ended, outcome := make(chan struct{}), make(chan error, 1)
	r.running, r.ended = what, ended
	r.wg.Go(func() {
		err := do()
		r.change(func() { r.running = ""; after(err) }) // before anybody is told that it ended
		close(ended)
		outcome <- err
	})
	return outcome, nil
}

func (r *Runner) change(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// Check returns the check that runs, or ran last if no re-projection began
// since; false: there is none.
func (r *Runner) Check() (Check, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.check == nil {
		return Check{}, false
	}
	return *r.check, true
}

// Ended is closed when what runs now has ended, or was if nothing runs.
func (r *Runner) Ended() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		r.ended = make(chan struct{})
		close(r.ended)
	}
	return r.ended
}

// Wait returns when nothing is under way.
func (r *Runner) Wait() { r.wg.Wait() }
