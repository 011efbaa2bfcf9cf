package replay

import (
	"context"
	"errors"

	"relay/app"
	"relay/domain/eventlog"
)

// Reprojector applies mappings to the past: it builds new generations beside
// those being served, and switches to them.
type Reprojector struct {
	Builder       *Builder
	Reprojections Reprojections
	Snapshots     Snapshots
	Timelines     app.Timelines
	// Started, if set, receives each run once it is on record.
	Started func(Reprojection)
}

// run is one re-projection under way.
type run struct {
	reprojector *Reprojector
	build       *build
	store       Store // the build's
	record      Reprojection
}

// PlanAndRun plans and runs a re-projection. shown, if set, receives the plan
// before it is carried out. If the timeline changes in between, PlanAndRun plans
// again, and shown also receives why; the first time that is nil.
func (r *Reprojector) PlanAndRun(
	ctx context.Context, from From, chosen []app.Projection, shown func(Plan, *OutdatedPlan),
) (Reprojection, error) {
	var outdated *OutdatedPlan
	for {
		plan, err := r.Builder.Store.Plan(ctx, from, chosen)
		if err != nil {
			return Reprojection{}, err
		}
		if shown != nil {
			shown(plan, outdated)
		}
		done, err := r.Run(ctx, plan)
		if !errors.As(err, &outdated) {
			return done, err
		}
	}
}

// Run carries out a plan and returns when people query the result. After an error
// they query what they did before. An OutdatedPlan if the plan no longer applies.
func (r *Reprojector) Run(ctx context.Context, plan Plan) (Reprojection, error) {
	return r.carryOut(ctx, "re-projection", r.cleanUp, func(ctx context.Context, tx app.Tx, run *run) error {
		return run.begin(ctx, tx, plan)
	})
}

// carryOut is the way of every re-projection, resumption and undoing: nobody else
// may build; what dead processes left is removed; the first transaction records
// the run, with the generations that it will serve; these are loaded and indexed,
// catch up with the live projections, and are switched to; what was served before
// the last re-projection is removed.
func (r *Reprojector) carryOut(
	ctx context.Context, what string, cleanUp func(context.Context) error, record func(context.Context, app.Tx, *run) error,
) (Reprojection, error) {
	lock, err := r.Builder.Locks.Claim(ctx, what)
	if err != nil {
		return Reprojection{}, err
	}
	defer lock.Release()
	if err := cleanUp(ctx); err != nil {
		return Reprojection{}, err
	}
	run := &run{reprojector: r, build: r.Builder.newBuild(lock), store: r.Builder.Store}
	if err := run.store.DB.InTx(ctx, func(tx app.Tx) error { return record(ctx, tx, run) }); err != nil {
		return Reprojection{}, err
	}
	if r.Started != nil {
		r.Started(run.record)
	}
	if err := run.build.watched(ctx, run.loadAndSwitch); err != nil {
		return run.record, run.fail(ctx, err)
	}
	run.dropOlder(ctx)
	return run.record, nil
}

func (r *run) loadAndSwitch(ctx context.Context) error {
	if err := r.build.load(ctx); err != nil {
		return err
	}
	r.build.progress.phase(ctx, "", PhaseCatchingUp)
	if err := r.awaitSnapshots(ctx); err != nil {
		return err
	}
	return r.catchUpAndSwitch(ctx)
}

// begin records a run of the plan and creates its generations, if the plan still
// applies.
func (r *run) begin(ctx context.Context, tx app.Tx, plan Plan) (err error) {
	if err := r.readHistory(ctx, tx); err != nil {
		return err
	}
	if err := plan.check(r.build.history); err != nil {
		return err
	}
	rebuilt, steps := plan.rebuilt()
	r.record = Reprojection{Projections: names(plan.chosen), Rebuilt: names(rebuilt), From: plan.From, Version: plan.Version, AsOf: plan.AsOf}
	if err := r.start(ctx, tx, plan.Change()); err != nil {
		return err
	}
	head, err := r.store.Log.Head(ctx, tx)
	if err != nil {
		return err
	}
	for i, p := range rebuilt {
		upTo, err := r.loadUpTo(ctx, tx, p, head)
		if err != nil {
			return err
		}
		r.build.add(p, upTo, steps[i].Rows)
	}
	return r.build.create(ctx, tx)
}

// readHistory reads the history that the build begins with.
func (r *run) readHistory(ctx context.Context, tx app.Tx) (err error) {
	r.build.history, err = app.ReadHistory(ctx, tx, r.store.Controls)
	return err
}

// start puts the run on record, which gives it its number, and says what it
// changes of the timeline.
func (r *run) start(ctx context.Context, tx app.Tx, change app.Replay) (err error) {
	if r.record.ID, err = r.reprojector.Reprojections.Start(ctx, tx, r.record); err != nil {
		return err
	}
	r.build.progress.id, r.build.change = r.record.ID, &change
	return nil
}

// loadUpTo returns how far a generation is loaded in bulk: to the log's head, or,
// if it will adopt tables of the served one, not further than that one has come.
func (r *run) loadUpTo(ctx context.Context, tx app.Tx, p app.Projection, head eventlog.Offset) (eventlog.Offset, error) {
	whole, _ := r.store.projection(p.Name)
	if len(p.Parts) == len(whole.Parts) {
		return head, nil
	}
	served, err := r.store.Generations.Serving(ctx, tx, p.Name)
	return min(head, served.Checkpoint), err
}

func names(list []app.Projection) (names []string) {
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}
