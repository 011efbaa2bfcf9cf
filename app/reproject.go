package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"relay/domain/eventlog"
)

// Reprojection is one run of `relay reproject`.
type Reprojection struct {
	ID          int64
	Projections []string
	Replay
}

// Phases of a re-projection, in order.
const (
	PhasePlanning   = "planning"
	PhaseLoading    = "loading"
	PhaseIndexing   = "indexing"
	PhaseCatchingUp = "catching up"
	PhaseSwitching  = "switching"
)

// ErrBusy is returned when another re-projection or verification runs; the
// error says which and since when.
var ErrBusy = errors.New("another re-projection or verification is running")

// Reprojections keeps the record that people read in relay.reprojections.
type Reprojections interface {
	// Claim makes the caller the only one that builds generations, until release
	// is called or the process ends. ErrBusy if somebody else is.
	Claim(ctx context.Context, what string) (release func(), err error)
	// Abandoned marks what a dead process left as failed.
	Abandoned(ctx context.Context, tx Tx) error
	Start(ctx context.Context, tx Tx, r Reprojection) (id int64, err error)
	Progress(ctx context.Context, p Progress) error
	// RequestCancel asks whoever runs one to stop, and tells whether one runs.
	RequestCancel(ctx context.Context) (bool, error)
	// CancelRequested tells whether somebody asked for it.
	CancelRequested(ctx context.Context, id int64) (bool, error)
	// End notes the outcome; a nil error is success, ErrCancelled is no failure.
	End(ctx context.Context, tx Tx, id int64, err error) error
}

// Progress tells how far a re-projection has come.
type Progress struct {
	ID          int64
	Projection  string // at hand; empty where it concerns all
	Phase       string
	Done, Total int64 // log rows
	Calls       int64 // calls read so far
}

// Timelines keeps the folded timeline where SQL can read it.
type Timelines interface {
	Save(ctx context.Context, tx Tx, h History) error
}

// Reprojector re-projects: it builds new generations beside those being served
// and switches to them.
type Reprojector struct {
	DB            Database
	All           []Projection
	Log           LogReader
	LogSize       LogSize
	Controls      Controls
	Generations   Generations
	Reprojections Reprojections
	Timelines     Timelines
	Builder       *Builder
	Projector     *Projector
	Logger        *slog.Logger
	// Report, if set, is told of progress; it must not block.
	Report func(Progress)
}

// LogSize measures what a replay will read.
type LogSize interface {
	// Size returns the number of log rows, and about how many bytes they hold.
	Size(ctx context.Context, tx Tx, p Projection, r eventlog.Range) (rows, bytes int64, err error)
}

// Run re-projects with the current mapping from the given offset on. It returns
// when people query the new generations. After an error they still query the
// old ones, and nothing is left behind that the next run does not clean up.
func (r *Reprojector) Run(ctx context.Context, from From, chosen []Projection) (Reprojection, error) {
	release, err := r.Reprojections.Claim(ctx, "re-projection")
	if err != nil {
		return Reprojection{}, err
	}
	defer release()
	if err := r.CleanUp(ctx); err != nil {
		return Reprojection{}, err
	}
	run := run{Reprojector: r}
	if err := run.start(ctx, from, chosen); err != nil {
		return Reprojection{}, err
	}
	if err := run.buildUnlessCancelled(ctx); err != nil {
		return run.record, run.fail(ctx, err)
	}
	r.dropFormer(ctx)
	return run.record, nil
}

// CleanUp removes what dead processes left. The caller holds the claim.
func (r *Reprojector) CleanUp(ctx context.Context) error {
	if err := r.DB.InTx(ctx, func(tx Tx) error { return r.Reprojections.Abandoned(ctx, tx) }); err != nil {
		return fmt.Errorf("mark what a dead process left: %w", err)
	}
	return r.dropUnserved(ctx)
}

// dropUnserved drops all generations but those that people query, one a
// transaction, since each takes locks.
func (r *Reprojector) dropUnserved(ctx context.Context) error {
	var unserved []Generation
	err := r.DB.InTx(ctx, func(tx Tx) (err error) {
		unserved, err = r.Generations.Unserved(ctx, tx)
		return err
	})
	for _, g := range unserved {
		err = errors.Join(err, r.drop(ctx, g))
	}
	if err != nil {
		return fmt.Errorf("drop generations that nobody queries: %w", err)
	}
	return nil
}

func (r *Reprojector) drop(ctx context.Context, g Generation) error {
	p, ok := r.projection(g.Projection)
	if !ok {
		return fmt.Errorf("generation %d is of an unknown projection %q", g.ID, g.Projection)
	}
	return retryLocked(ctx, func() error {
		return r.DB.InTx(ctx, func(tx Tx) error {
			if err := p.Tables.Drop(ctx, tx, g.ID); err != nil {
				return err
			}
			return r.Generations.Forget(ctx, tx, g.ID)
		})
	})
}

// dropFormer drops the generations that were just switched away from. A reader
// in a long transaction can hold them; then the next run drops them.
func (r *Reprojector) dropFormer(ctx context.Context) {
	if err := r.dropUnserved(ctx); err != nil {
		r.Logger.Warn("the former generation stays until the next re-projection", "error", err)
	}
}

// run is one Run under way.
type run struct {
	*Reprojector
	record   Reprojection
	replay   *Replay      // what it changes of the timeline; nil: nothing
	chosen   []Projection // those that are rebuilt
	built    []Generation
	history  History
	head     eventlog.Offset // of the log when it was planned
	progress progress
}

// start plans: it fixes the offset, the mapping version and what is loaded in
// bulk, in one transaction that also records them.
func (r *run) start(ctx context.Context, from From, chosen []Projection) error {
	return r.DB.InTx(ctx, func(tx Tx) (err error) {
		if r.history, r.head, r.record.Replay, err = r.resolve(ctx, tx, from); err != nil {
			return err
		}
		r.replay = &r.record.Replay
		plan, err := r.plan(ctx, tx, r.history, *r.replay, r.head, chosen)
		if err != nil {
			return err
		}
		r.progress = progress{run: r}
		for i, p := range chosen {
			r.record.Projections = append(r.record.Projections, p.Name)
			if plan.Projections[i].Rebuild {
				r.chosen = append(r.chosen, p.Only(plan.Projections[i].Parts))
				r.progress.total.Add(plan.Projections[i].Rows)
			}
		}
		if r.record.ID, err = r.Reprojections.Start(ctx, tx, r.record); err != nil {
			return err
		}
		return r.createGenerations(ctx, tx)
	})
}

func (r *run) createGenerations(ctx context.Context, tx Tx) error {
	for _, p := range r.chosen {
		id, err := r.Generations.Create(ctx, tx, p.Name, r.record.ID)
		if err != nil {
			return err
		}
		if err := p.Tables.Create(ctx, tx, id); err != nil {
			return fmt.Errorf("create the tables of generation %d: %w", id, err)
		}
		upTo, err := r.loadUpTo(ctx, tx, p)
		if err != nil {
			return err
		}
		r.built = append(r.built, Generation{ID: id, Projection: p.Name, Checkpoint: upTo})
	}
	return nil
}

// loadUpTo is how far a generation is loaded in bulk: to the log's head, unless
// it will adopt tables of the served one, which it must not be ahead of.
func (r *run) loadUpTo(ctx context.Context, tx Tx, p Projection) (eventlog.Offset, error) {
	whole, _ := r.projection(p.Name)
	if len(p.Parts) == len(whole.Parts) {
		return r.head, nil
	}
	served, err := r.Generations.Serving(ctx, tx, p.Name)
	return min(r.head, served.Checkpoint), err
}

func (r *run) build(ctx context.Context) error {
	for i, p := range r.chosen {
		if err := r.buildOne(ctx, p, &r.built[i]); err != nil {
			return err
		}
	}
	r.progress.phase(ctx, "", PhaseCatchingUp)
	return r.catchUpAndSwitch(ctx)
}

// buildOne loads a generation up to its checkpoint and indexes it.
func (r *run) buildOne(ctx context.Context, p Projection, g *Generation) error {
	r.progress.phase(ctx, p.Name, PhaseLoading)
	mappings := r.history.Mappings(p.Name, r.replay)
	if err := r.Builder.Load(ctx, p, g.ID, eventlog.Range{UpTo: g.Checkpoint}, mappings, r.progress.read, func() {
		r.progress.phase(ctx, p.Name, PhaseIndexing)
	}); err != nil {
		return err
	}
	return r.DB.InTx(ctx, func(tx Tx) error {
		if err := p.Tables.Complete(ctx, tx, g.ID); err != nil {
			return fmt.Errorf("complete %s: %w", p.Name, err)
		}
		return r.Generations.Move(ctx, tx, g.ID, g.Checkpoint)
	})
}

// fail drops what was built and records why.
func (r *run) fail(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := r.dropUnserved(ctx)
	recorded := r.DB.InTx(ctx, func(tx Tx) error { return r.Reprojections.End(ctx, tx, r.record.ID, cause) })
	if err = errors.Join(err, recorded); err != nil {
		r.Logger.Warn("the next re-projection will clean up", "error", err)
	}
	return cause
}

// projection returns the projection of that name among all that there are.
func (r *Reprojector) projection(name string) (Projection, bool) {
	for _, p := range r.All {
		if p.Name == name {
			return p, true
		}
	}
	return Projection{}, false
}
