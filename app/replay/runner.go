package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Check is a verification or a dry run of everything, as a Runner keeps it.
type Check struct {
	Kind      string
	StartedAt time.Time
	EndedAt   time.Time // zero while it runs
	Progress  Progress
	Found     Found
	Err       error // why it ended early; ErrCancelled if it was cancelled
}

// Found is what a check found until it ended, well or with an error.
type Found struct {
	Verified []Verified // by a verification
	Preview  *Preview   // by a dry run
}

// Runner runs re-projections and checks in the background of a process, one at a
// time. It is safe for concurrent use.
type Runner struct {
	// New returns a reprojector whose builder reports to the function; nil: it does
	// not report.
	New func(report func(Progress)) *Reprojector

	mu      sync.Mutex
	running string        // what runs; empty: nothing
	ended   chan struct{} // closed when what runs, or ran last, has ended; nil: nothing ran yet
	check   *Check        // the last one, until a re-projection begins; nil: none
	wg      sync.WaitGroup
}

// Job is what a Runner does in the background with a Reprojector, such as the
// method expressions (*Reprojector).Resume and (*Reprojector).Undo.
type Job func(r *Reprojector, ctx context.Context) (Reprojection, error)

// Start begins the job and returns when it is on record. The job runs until ctx
// ends; then it can be resumed. ErrBusy if something runs already.
func (r *Runner) Start(ctx context.Context, job Job) (Reprojection, error) {
	started := make(chan Reprojection, 1)
	reprojector := r.New(nil)
	reprojector.Started = func(run Reprojection) {
		r.change(func() { r.check = nil })
		started <- run
	}
	failed, err := r.begin("re-projection", func() error {
		_, err := job(reprojector, ctx)
		return err
	}, func(err error) {
		if err != nil && !errors.Is(err, ErrBusy) {
			reprojector.Builder.Logger.Error("a re-projection ended", "error", err)
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

// CheckJob is what a Runner does in the background with a Checker: Verify or
// DryRun.
type CheckJob func(ctx context.Context, c *Checker) (Found, error)

// StartCheck begins a check and returns when it is under way, or has ended. From
// then on Check returns it. It ends with ctx. ErrBusy if something runs already.
func (r *Runner) StartCheck(ctx context.Context, kind string, job CheckJob) error {
	check, underway := &Check{Kind: kind, StartedAt: time.Now()}, make(chan struct{})
	show := sync.OnceFunc(func() {
		r.check = check
		close(underway)
	})
	checker := &Checker{Builder: r.New(func(p Progress) {
		r.change(func() { show(); check.Progress = p })
	}).Builder}
	var found Found
	failed, err := r.begin(kind, func() (err error) {
		found, err = job(ctx, checker)
		return err
	}, func(err error) {
		check.Found, check.Err, check.EndedAt = found, err, time.Now()
		switch {
		case err == nil:
			show() // there was nothing to report of
		case !errors.Is(err, ErrBusy) && !errors.Is(err, ErrCancelled):
			checker.Builder.Logger.Error("a check ended", "kind", kind, "error", err)
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
	case <-underway: // Check returns the error
		return nil
	default:
		return err
	}
}

// begin runs do in the background, and then after with its error, under the
// runner's mutex. It returns a channel that receives the error.
func (r *Runner) begin(what string, do func() error, after func(error)) (outcome <-chan error, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != "" {
		return nil, fmt.Errorf("%w: a %s, in this process", ErrBusy, r.running)
	}
	ended, result := make(chan struct{}), make(chan error, 1)
	r.running, r.ended = what, ended
	r.wg.Go(func() {
		err := do()
		r.change(func() { r.running = ""; after(err) }) // before ended is closed
		close(ended)
		result <- err
	})
	return result, nil
}

func (r *Runner) change(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// Check returns the check that runs, or the last one if no re-projection began
// since; false: there is none.
func (r *Runner) Check() (Check, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.check == nil {
		return Check{}, false
	}
	return *r.check, true
}

// Ended returns a channel that is closed when what runs now has ended; if nothing
// runs, it is closed already.
func (r *Runner) Ended() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		r.ended = make(chan struct{})
		close(r.ended)
	}
	return r.ended
}

// Wait returns when nothing runs.
func (r *Runner) Wait() { r.wg.Wait() }
