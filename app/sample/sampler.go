package sample

import (
	"context"

	"relay/app"
	"relay/app/replay"
)

// Sampler compares a part of what is served with the log: the rows of some people,
// or of some stretches of the log. It folds only their calls, and nobody else sees
// what it builds, so it can run beside a re-projection.
type Sampler struct {
	Store    replay.Store
	Scratch  Scratch
	Searcher app.LogSearcher
	Numbers  ScratchNumbers
	Links    LinkFinder
	Workers  int // readers at once; default 1
	// BatchSize is how many bytes of events are compared at a time; default 16 MiB.
	// If two batches hold calls with the same message id, of which no row exists,
	// each of the batches finds a difference.
	BatchSize int
	// Report, if set, receives the progress. It must not block.
	Report func(replay.Progress)
}

// Scratch is a database in which samples write tables that nobody else sees.
type Scratch interface {
	// InScratch runs do in a transaction in which all statements see one state. It
	// rolls back whatever do wrote.
	InScratch(ctx context.Context, do func(tx app.Tx) error) error
}

// ScratchNumbers numbers scratch generations.
type ScratchNumbers interface {
	// ScratchNumber returns a number that no generation has or will have.
	ScratchNumber(ctx context.Context, tx app.Tx) (int64, error)
}

// LinkFinder finds ids by the links of a generation that joins ids. Its methods
// return app.ErrReplaced if the generation is gone.
type LinkFinder interface {
	// SomeLinked returns up to n ids at random from which links lead; all of them, if
	// there are no more than n.
	SomeLinked(ctx context.Context, tx app.Tx, generation int64, n int) ([]string, error)
	// SamePeople returns the ids, and all ids that links join to them.
	SamePeople(ctx context.Context, tx app.Tx, generation int64, ids []string) ([]string, error)
}

// MaxSample is how many people a sample may have: the states of all of them are in
// memory at once.
const MaxSample = 100_000
