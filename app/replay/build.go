package replay

import (
	"context"
	"fmt"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// build is the building of some generations under way.
type build struct {
	builder  *Builder
	store    Store // the builder's
	lock     BuildLock
	history  app.History // when the build began
	change   *app.Replay // of the timeline that the generations are built for; nil: none
	targets  []*target
	progress progress
}

// target is a generation that a build makes.
type target struct {
	projection app.Projection // limited to the parts that are built
	generation app.Generation // as it was created or found
	rows       int64          // of the log, to be loaded in bulk; an estimate
}

// newBuild returns a build without targets.
func (b *Builder) newBuild(lock BuildLock) *build {
	return &build{builder: b, store: b.Store, lock: lock, progress: progress{builder: b, started: time.Now()}}
}

// add adds a generation, which create makes, of a projection's parts.
func (b *build) add(p app.Projection, upTo eventlog.Offset, rows int64) {
	b.targets = append(b.targets, &target{
		projection: p, rows: rows,
		generation: app.Generation{Projection: p.Name, Parts: p.Parts, Reprojection: b.progress.id, LoadUpTo: upTo, Replay: b.change},
	})
	b.progress.expect(rows)
}

// create creates the generations, with tables that have no indexes yet.
func (b *build) create(ctx context.Context, tx app.Tx) (err error) {
	// An erasure under way must know of the generations, or be done before they
	// are loaded.
	if err := b.builder.Erasures.Lock(ctx, tx); err != nil {
		return err
	}
	for _, t := range b.targets {
		if t.generation.ID, err = b.builder.Writer.Create(ctx, tx, t.generation); err != nil {
			return err
		}
		if err := b.createTables(ctx, tx, t); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) createTables(ctx context.Context, tx app.Tx, t *target) error {
	if err := t.projection.Tables.Schema.Create(ctx, tx, t.generation.ID, t.projection.JoinsUnder(b.mappings(t))); err != nil {
		return fmt.Errorf("create the tables of generation %d: %w", t.generation.ID, err)
	}
	return nil
}

// mappings returns the mappings under which a target is loaded in bulk.
func (b *build) mappings(t *target) projections.Mappings {
	return b.history.Mappings(t.projection.Name, b.change).UpTo(t.generation.LoadUpTo)
}
