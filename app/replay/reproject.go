package replay

import (
	"context"
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
	Writer        app.GenerationWriter
	Checkpoints   Checkpoints
	Issues        Issues
	Reprojections Reprojections
	Outcomes      Outcomes
	Locks         BuildLocks
	Cancellations Cancellations
	Snapshots     Snapshots
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

// Run rebuilds the projections of which rows change when the current mapping
// holds from the offset on, and makes them the ones that people query. It
// returns when that is so. A failure leaves the old ones.
func (r *Reprojector) Run(ctx context.Context, from From, chosen []app.Projection) (Reprojection, error) {
	claim, err := r.Locks.Claim(ctx, "re-projection")
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
		if g.ID, err = r.Writer.Create(ctx, tx, g); err != nil {
			return err
		}
		if err := p.Tables.Schema.Create(ctx, tx, g.ID, r.loadMappings(g).Joined); err != nil {
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
