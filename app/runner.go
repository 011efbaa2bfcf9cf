package app

import (
	"context"
	"errors"
	"sync"
)

// Runner runs re-projections in the background of a process that serves. It is
// safe for concurrent use.
type Runner struct {
	// New returns a reprojector that reports to the functions.
	New func(report func(Progress), started func(Reprojection)) *Reprojector

	mu      sync.Mutex
	running bool
	last    Progress
	wg      sync.WaitGroup
}

// Job is one thing that a Reprojector can be asked to do: Run, Resume or Undo.
type Job func(ctx context.Context, r *Reprojector) (Reprojection, error)

// Start begins the job and returns when it is under way. It goes on until ctx
// ends, after which it can be resumed. ErrBusy if something runs already.
func (r *Runner) Start(ctx context.Context, job Job) (Reprojection, error) {
	if !r.claim() {
		return Reprojection{}, ErrBusy
	}
	started, ended := make(chan Reprojection, 1), make(chan error, 1)
	reprojector := r.New(r.report, func(run Reprojection) { started <- run })
	r.wg.Go(func() {
		_, err := job(ctx, reprojector)
		r.release() // before anybody is told that it ended
		if err != nil && !errors.Is(err, ErrBusy) {
			reprojector.Logger.Error("a re-projection ended", "error", err)
		}
		ended <- err
	})
	select {
	case run := <-started:
		return run, nil
	case err := <-ended:
		return Reprojection{}, err
	}
}

func (r *Runner) claim() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return false
	}
	r.running = true
	return true
}

func (r *Runner) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = false
}

func (r *Runner) report(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = p
}

// Progress returns how far the job has come that this process runs; false: it
// runs none.
func (r *Runner) Progress() (Progress, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.running
}

// Wait returns when no job is under way.
func (r *Runner) Wait() { r.wg.Wait() }
