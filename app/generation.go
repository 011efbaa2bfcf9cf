package app

import (
	"context"

	"relay/domain/eventlog"
	"relay/projections"
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

// Generations keeps track of generations and of what their folds ignored.
type Generations interface {
	// Create notes a generation that is being built, from Projection, Parts,
	// Reprojection, LoadUpTo and Replay.
	Create(ctx context.Context, tx Tx, g Generation) (int64, error)
	// Scratch returns a number that no generation has or will have.
	Scratch(ctx context.Context, tx Tx) (int64, error)
	// Get returns a generation; ErrNotFound if there is none.
	Get(ctx context.Context, tx Tx, id int64) (Generation, error)
	// Serving returns the generation that people query.
	Serving(ctx context.Context, tx Tx, projection string) (Generation, error)
	// LockServing is Serving, and keeps the live projection from moving on
	// until the transaction ends.
	LockServing(ctx context.Context, tx Tx, projection string) (Generation, error)
	// Move sets a generation's checkpoint.
	Move(ctx context.Context, tx Tx, id int64, checkpoint eventlog.Offset) error
	// SetLoaded notes that a generation is loaded and indexed up to LoadUpTo.
	SetLoaded(ctx context.Context, tx Tx, id int64) error
	// SetParts notes what a generation holds.
	SetParts(ctx context.Context, tx Tx, id int64, parts []string) error
	// Promote makes a generation the one that people query; the one before
	// becomes a former one, retired by the re-projection.
	Promote(ctx context.Context, tx Tx, id, reprojection int64) error
	// Unserved returns all generations but those that people query.
	Unserved(ctx context.Context, tx Tx) ([]Generation, error)
	// LockUnserved is Unserved, and keeps the generations where they are until the
	// transaction ends.
	LockUnserved(ctx context.Context, tx Tx) ([]Generation, error)
	// Delete removes what is noted of a generation, its issues too.
	Delete(ctx context.Context, tx Tx, id int64) error
	// AddIssues adds to what a generation's fold ignored.
	AddIssues(ctx context.Context, tx Tx, id int64, issues projections.Issues) error
	// Issues returns what a generation's fold ignored, but for what the database
	// could not hold.
	Issues(ctx context.Context, tx Tx, id int64) (projections.Issues, error)
	// SetIssues replaces what Issues returns.
	SetIssues(ctx context.Context, tx Tx, id int64, issues projections.Issues) error
	// ForgetIssues removes what a generation's fold ignored.
	ForgetIssues(ctx context.Context, tx Tx, id int64) error
	// IssuesByCode counts what a generation's fold ignored, for the codes; nil:
	// for all.
	IssuesByCode(ctx context.Context, tx Tx, id int64, codes []string) ([]Count, error)
	// CompareIssues is Tables.Compare for what the folds ignored.
	CompareIssues(ctx context.Context, tx Tx, served, rebuilt int64, limit int) ([]Difference, int, error)
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
