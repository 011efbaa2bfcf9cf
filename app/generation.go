package app

import (
	"context"

	"relay/domain/eventlog"
)

// Generation is one set of a projection's tables.
type Generation struct {
	ID         int64
	Projection string
	Status     GenerationStatus
	Parts      []string        // of the projection that it holds
	Checkpoint eventlog.Offset // everything up to here is in the tables
	Rules      int             // projections.RulesVersion when it was built
	// Reprojection that it is or was built for; 0: the first set-up, or to compare.
	Reprojection int64
	LoadUpTo     eventlog.Offset // how far it is loaded in bulk
	Loaded       bool            // whether that is done, with indexes
	Replay       *Replay         // what it changes of the timeline while it is built; nil: nothing
	RetiredBy    int64           // the re-projection that took its place; 0: none
}

// GenerationStatus says what a generation is for.
type GenerationStatus string

// The statuses of generations.
const (
	Building GenerationStatus = "building"
	Serving  GenerationStatus = "serving" // people query it
	Former   GenerationStatus = "former"  // was served until a re-projection took its place
)

// Generations looks generations up.
type Generations interface {
	// Serving returns the generation that people query; ErrNotFound before the
	// projection is set up.
	Serving(ctx context.Context, tx Tx, projection string) (Generation, error)
	// LockServing is Serving, and keeps the live projection from moving on
	// until the transaction ends.
	LockServing(ctx context.Context, tx Tx, projection string) (Generation, error)
	// AllServing returns the generations that people query, of all projections.
	AllServing(ctx context.Context, tx Tx) ([]Generation, error)
	// Unserved returns all generations but those that people query.
	Unserved(ctx context.Context, tx Tx) ([]Generation, error)
	// LockUnserved is Unserved, and keeps the generations where they are until the
	// transaction ends.
	LockUnserved(ctx context.Context, tx Tx) ([]Generation, error)
}

// GenerationWriter records generations and what becomes of them.
type GenerationWriter interface {
	// Create records a generation that is being built, from Projection, Parts,
	// Reprojection, LoadUpTo and Replay.
	Create(ctx context.Context, tx Tx, g Generation) (int64, error)
	// SetLoaded records that a generation is loaded and indexed up to LoadUpTo.
	SetLoaded(ctx context.Context, tx Tx, id int64) error
	// SetParts records which parts a generation holds.
	SetParts(ctx context.Context, tx Tx, id int64, parts []string) error
	// Promote makes a generation the one that people query; the one before
	// becomes a former one, retired by the re-projection.
	Promote(ctx context.Context, tx Tx, id, reprojection int64) error
	// Delete removes the record of a generation that nobody queries, and its
	// issues.
	Delete(ctx context.Context, tx Tx, id int64) error
}

// Database begins transactions.
type Database interface {
	// InTx commits when do returns nil. Errors of do are returned as they are.
	InTx(ctx context.Context, do func(tx Tx) error) error
	// Try runs do within the transaction; when do fails, what it did is undone
	// and the transaction can go on.
	Try(ctx context.Context, tx Tx, do func() error) error
	// InSnapshot is InTx, read-only, where all statements see one state.
	InSnapshot(ctx context.Context, do func(tx Tx) error) error
}
