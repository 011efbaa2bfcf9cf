package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"relay/app"
	"relay/app/live"
	"relay/domain/eventlog"
)

// Reprojection is one run of `relay reproject`.
type Reprojection struct {
	ID          int64    `json:"id"`
	Projections []string `json:"projections"` // whose timeline it changes
	Rebuilt     []string `json:"rebuilt"`     // those of them whose rows it alters
	app.Replay
	Undoes  int64           `json:"undoes,omitempty"` // the re-projection that it undoes; 0: none
	Control eventlog.Offset `json:"-"`                // of the control entry that it wrote in the end
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
	// Claim makes the caller the only one that builds generations, until it is
	// released or the process ends. ErrBusy if somebody else is.
	Claim(ctx context.Context, what string) (BuildLock, error)
	// Abandoned marks what a dead process left as failed, or cancelled where
	// somebody asked for that.
	Abandoned(ctx context.Context, tx app.Tx) error
	Start(ctx context.Context, tx app.Tx, r Reprojection) (id int64, err error)
	// Restart makes one that failed run again, by this process.
	Restart(ctx context.Context, tx app.Tx, id int64) error
	// Get returns a re-projection; ErrNotFound if there is none.
	Get(ctx context.Context, tx app.Tx, id int64) (Reprojection, error)
	// LastDone returns the newest one that was done; ErrNotFound if there is none.
	LastDone(ctx context.Context, tx app.Tx) (Reprojection, error)
	Progress(ctx context.Context, p Progress) error
	// RequestCancel asks whoever runs one to stop, and tells whether one runs.
	RequestCancel(ctx context.Context) (bool, error)
	// CancelRequested tells whether somebody asked for it.
	CancelRequested(ctx context.Context, id int64) (bool, error)
	// RequestCheckCancel asks whoever runs a check to stop, until withdraw is
	// called, and tells whether one runs. Where none does, nobody is asked.
	RequestCheckCancel(ctx context.Context) (asked bool, withdraw func(), err error)
	// CheckCancelRequested tells whether somebody asks for it now.
	CheckCancelRequested(ctx context.Context) (bool, error)
	// Switched notes the control entry with which it took effect.
	Switched(ctx context.Context, tx app.Tx, id int64, control eventlog.Offset) error
	// Snapshots tells of transactions that see the database as of some moment until
	// now: all that there are, or those among the given ones that still do.
	Snapshots(ctx context.Context, among []string) ([]string, error)
	// End notes the outcome; a nil error is success, ErrCancelled is no failure. It
	// returns ErrCancelled where it is success and somebody wanted the end before.
	End(ctx context.Context, tx app.Tx, id int64, err error) error
}

// BuildLock is the right to build generations.
type BuildLock interface {
	Release()
	// Check returns an error if the claim was lost, as with its connection.
	Check(ctx context.Context) error
}

// Reprojector re-projects: it builds new generations beside those being served
// and switches to them.
type Reprojector struct {
	DB            app.Database
	All           []app.Projection
	Log           app.LogReader
	LogSize       LogSize
	Live          app.LiveReader
	Controls      app.Controls
	Generations   app.Generations
	Reprojections Reprojections
	Timelines     app.Timelines
	Erasures      app.Erasures
	Builder       *Builder
	Projector     *live.Projector
	Logger        *slog.Logger
	MaxLoad       int // percent of the time that readers work; 0 is 100
	// Report, if set, is told of progress; it must not block.
	Report func(Progress)
	// Started, if set, is told once a run is on record.
	Started func(Reprojection)
}

// LogSize measures what a replay will read.
type LogSize interface {
	// Size returns the number of log rows, and how many bytes they hold, both
	// about so where the log is large.
	Size(ctx context.Context, tx app.Tx, p app.Projection, r eventlog.Range) (rows, bytes int64, err error)
}

// Run rebuilds the projections of which rows change when the current mapping
// holds from the offset on, and makes them the ones that people query. It
// returns when that is so. A failure leaves the old ones.
func (r *Reprojector) Run(ctx context.Context, from From, chosen []app.Projection) (Reprojection, error) {
	claim, err := r.Reprojections.Claim(ctx, "re-projection")
	if err != nil {
		return Reprojection{}, err
	}
	defer claim.Release()
	if err := r.CleanUp(ctx); err != nil {
		return Reprojection{}, err
	}
	run := newRun(r, claim)
	if err := run.start(ctx, from, chosen); err != nil {
		return Reprojection{}, err
	}
	return run.finish(ctx)
}

// run is one re-projection, dry run or verification under way.
type run struct {
	*Reprojector
	record   Reprojection
	claim    BuildLock
	replay   *app.Replay      // what it changes of the timeline; nil: nothing
	chosen   []app.Projection // those that are rebuilt
	built    []app.Generation
	history  app.History
	head     eventlog.Offset // of the log when it was planned
	progress progress
}

func newRun(r *Reprojector, claim BuildLock) *run {
	run := &run{Reprojector: r, claim: claim}
	run.progress = progress{run: run, started: time.Now()}
	return run
}

// start plans: it fixes the offset, the mapping version and what is loaded in
// bulk, in one transaction that also records them.
func (r *run) start(ctx context.Context, from From, chosen []app.Projection) error {
	return r.DB.InTx(ctx, func(tx app.Tx) (err error) {
		if r.history, r.head, r.record.Replay, err = r.Resolve(ctx, tx, from, chosen); err != nil {
			return err
		}
		r.replay = &r.record.Replay
		plan, err := r.PlanFor(ctx, tx, r.history, *r.replay, r.head, chosen)
		if err != nil {
			return err
		}
		for i, p := range chosen {
			r.record.Projections = append(r.record.Projections, p.Name)
			if plan.Projections[i].Rebuild {
				r.record.Rebuilt = append(r.record.Rebuilt, p.Name)
				r.chosen = append(r.chosen, p.Only(plan.Projections[i].Parts))
				r.progress.expect(plan.Projections[i].Rows)
			}
		}
		if r.record.ID, err = r.Reprojections.Start(ctx, tx, r.record); err != nil {
			return err
		}
		return r.createGenerations(ctx, tx)
	})
}

func (r *run) createGenerations(ctx context.Context, tx app.Tx) error {
	// An erasure under way must know of the generation, or be done before it is
	// loaded.
	if err := r.Erasures.Lock(ctx, tx); err != nil {
		return err
	}
	for _, p := range r.chosen {
		upTo, err := r.loadUpTo(ctx, tx, p)
		if err != nil {
			return err
		}
		g := app.Generation{Projection: p.Name, Parts: p.Parts, Reprojection: r.record.ID, LoadUpTo: upTo, Replay: r.replay}
		if g.ID, err = r.Generations.Create(ctx, tx, g); err != nil {
			return err
		}
		if err := p.Tables.Create(ctx, tx, g.ID, r.loadMappings(g).Joined); err != nil {
			return fmt.Errorf("create the tables of generation %d: %w", g.ID, err)
		}
		r.built = append(r.built, g)
	}
	return nil
}

// loadUpTo is how far a generation is loaded in bulk: to the log's head, unless
// it will adopt tables of the served one, which it must not be ahead of.
func (r *run) loadUpTo(ctx context.Context, tx app.Tx, p app.Projection) (eventlog.Offset, error) {
	whole, _ := r.projection(p.Name)
	if len(p.Parts) == len(whole.Parts) {
		return r.head, nil
	}
	served, err := r.Generations.Serving(ctx, tx, p.Name)
	return min(r.head, served.Checkpoint), err
}

// finish builds what is not built yet, switches to it, and records the outcome.
func (r *run) finish(ctx context.Context) (Reprojection, error) {
	if r.Started != nil {
		r.Started(r.record)
	}
	if err := r.buildUnlessCancelled(ctx); err != nil {
		return r.record, r.fail(ctx, err)
	}
	r.dropOlder(ctx)
	return r.record, nil
}

func (r *run) build(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	r.progress.phase(ctx, "", PhaseCatchingUp)
	return r.catchUpAndSwitch(ctx)
}

// projection returns the projection of that name among all that there are.
func (r *Reprojector) projection(name string) (app.Projection, bool) {
	for _, p := range r.All {
		if p.Name == name {
			return p, true
		}
	}
	return app.Projection{}, false
}
