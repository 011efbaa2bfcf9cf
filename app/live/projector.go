// Package live keeps projections up to date with the log, and folds single
// entries anew. A Projector follows the log, by batches that a consumer announces;
// a Follower merges one batch after the other into one generation.
package live

import (
	"context"
	"sync"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// Projector keeps generations up to date with the log.
type Projector struct {
	DB       app.Database
	Log      app.LogReader
	Controls app.Controls
	Issues   IssueAdder
	Consumer app.Consumer
	// Observe, if set, is told of each batch that was merged. Projections call it
	// at once.
	Observe func(projection string, batch BatchResult)
}

// IssueAdder records what folds ignored.
type IssueAdder interface {
	// AddIssues adds to what a generation's fold ignored.
	AddIssues(ctx context.Context, tx app.Tx, generation int64, issues projections.Issues) error
}

// BatchResult says what one batch amounted to.
type BatchResult struct {
	Calls  int // in the payloads, usable or not
	Issues projections.Issues
	Took   time.Duration
}

// Run keeps the served generations of the projections up to date until ctx
// ends; it finishes the batches under way before it returns.
func (p *Projector) Run(ctx context.Context, all []app.Projection) error {
	var wg sync.WaitGroup
	errs := make(chan error, len(all))
	for _, projection := range all {
		wg.Go(func() { errs <- p.Follow(ctx, projection, 0, nil, nil) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Follow keeps one generation up to date until ctx ends: the served one if
// generation is 0, otherwise the given one under the timeline that the replay
// makes. after, if set, is called with each range that was merged, just before
// the commit.
func (p *Projector) Follow(
	ctx context.Context, projection app.Projection, generation int64, replay *app.Replay, after func(eventlog.Range),
) error {
	f := NewFollower(p, projection, replay)
	f.served = generation == 0
	consumption := app.Consumption{Projection: projection.Name, Kinds: f.boundingKinds, Generation: generation}
	return p.Consumer.Consume(ctx, consumption, func(ctx context.Context, b app.Batch) (taken bool, err error) {
		taken, err = f.take(ctx, b)
		if taken && after != nil {
			after(b.Range)
		}
		return taken, err
	})
}
