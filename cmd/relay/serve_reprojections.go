package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"relay/adapters/console"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/replay"
	"relay/domain/eventlog"
)

// served runs re-projections and checks inside relay serve.
type served struct {
	*system
	ctx    context.Context // ends when relay serve stops
	runner *replay.Runner
}

var (
	_ console.Reprojections     = served{}
	_ console.Checks            = served{}
	_ console.FormerGenerations = served{}
)

func (s *system) served(ctx context.Context) served {
	return served{system: s, ctx: ctx, runner: &replay.Runner{New: s.reprojector}}
}

// Plan implements console.Reprojections.
func (s served) Plan(ctx context.Context, request console.ReprojectionRequest) (replay.Plan, error) {
	from, chosen, err := s.read(request)
	if err != nil {
		return replay.Plan{}, err
	}
	return s.store().Plan(ctx, from, chosen)
}

// Start implements console.Reprojections.
func (s served) Start(_ context.Context, request console.ReprojectionRequest) (replay.Reprojection, error) {
	from, chosen, err := s.read(request)
	if err != nil {
		return replay.Reprojection{}, err
	}
	return s.runner.Start(s.ctx, func(r *replay.Reprojector, ctx context.Context) (replay.Reprojection, error) {
		r.Builder.MaxBusy = request.MaxBusy
		return s.start(ctx, r, request.AsOf, from, chosen)
	})
}

// start plans and runs. If the operator was shown a plan, which knew the control
// entries up to asOf, only that plan is run.
func (s served) start(
	ctx context.Context, r *replay.Reprojector, asOf *int64, from replay.From, chosen []app.Projection,
) (replay.Reprojection, error) {
	if asOf == nil {
		return r.PlanAndRun(ctx, from, chosen, nil)
	}
	plan, err := s.store().Plan(ctx, from, chosen)
	if err != nil {
		return replay.Reprojection{}, err
	}
	plan.AsOf = min(plan.AsOf, eventlog.Offset(*asOf)) // nobody was shown what is not in the log yet
	return r.Run(ctx, plan)
}

// Resume implements console.Reprojections.
func (s served) Resume(context.Context) (replay.Reprojection, error) {
	return s.runner.Start(s.ctx, (*replay.Reprojector).Resume)
}

// Undo implements console.Reprojections.
func (s served) Undo(context.Context) (replay.Reprojection, error) {
	return s.runner.Start(s.ctx, (*replay.Reprojector).Undo)
}

// StartVerification implements console.Checks.
func (s served) StartVerification(_ context.Context, request console.ReprojectionRequest) error {
	chosen, err := s.readScope(request)
	if err != nil {
		return err
	}
	return s.runner.StartCheck(s.ctx, replay.Verification, func(ctx context.Context, c *replay.Checker) (found replay.Found, err error) {
		c.Builder.MaxBusy = request.MaxBusy
		found.Verified, err = c.Verify(ctx, chosen)
		return found, err
	})
}

// StartDryRun implements console.Checks.
func (s served) StartDryRun(_ context.Context, request console.ReprojectionRequest) error {
	from, chosen, err := s.read(request)
	if err != nil {
		return err
	}
	return s.runner.StartCheck(s.ctx, replay.DryRun, func(ctx context.Context, c *replay.Checker) (replay.Found, error) {
		c.Builder.MaxBusy = request.MaxBusy
		preview, err := c.DryRun(ctx, from, chosen)
		return replay.Found{Preview: &preview}, err
	})
}

// Check implements console.Checks.
func (s served) Check() (replay.Check, bool) { return s.runner.Check() }

// Cancel implements console.Checks. It uses the context of relay serve: the
// browser may close its connection before the cancellation ends.
func (s served) Cancel(context.Context) (bool, error) {
	ended := s.runner.Ended()
	found, err := s.reprojector(nil).Cancel(s.ctx)
	if found && err == nil {
		select {
		case <-ended: // the next page then shows the cancellation
		case <-time.After(time.Second): // another process ran it
		}
	}
	return found, err
}

// Former implements console.FormerGenerations.
func (s served) Former(ctx context.Context) (int, error) { return s.reprojector(nil).Former(ctx) }

// DropFormer implements console.FormerGenerations.
func (s served) DropFormer(ctx context.Context) (int, error) {
	return s.reprojector(nil).DropFormer(ctx)
}

// List implements console.Reprojections.
func (s served) List(ctx context.Context) ([]json.RawMessage, error) {
	return tables.Reprojections{DB: s.db}.List(ctx, 20)
}

// read reads a request as the command line reads its flags.
func (s served) read(request console.ReprojectionRequest) (replay.From, []app.Projection, error) {
	from, err := replay.ParseFrom(request.From, s.reader)
	if err != nil {
		return from, nil, err
	}
	chosen, err := s.readScope(request)
	return from, chosen, err
}

// readScope reads a request without its From.
func (s served) readScope(request console.ReprojectionRequest) ([]app.Projection, error) {
	chosen, err := s.choose(request.Projection)
	if err == nil && (request.MaxBusy < 0 || request.MaxBusy > 100) {
		err = fmt.Errorf("max_load %d: must be a percentage from 1 to 100", request.MaxBusy)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", console.ErrBadRequest, err)
	}
	return chosen, nil
}
