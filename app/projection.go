package app

import (
	"context"

	"relay/domain/mapping"
	"relay/domain/segment"
	"relay/projections"
)

// Projection is what a fold and its tables make together.
type Projection struct {
	Name    string
	Kinds   segment.Kinds // of the entries that the fold reads
	NewFold func() projections.Fold
	Tables  Tables
	// Depends says what of a mapping the rows depend on, by what people call it:
	// where two specs give the same, they make the same rows.
	Depends func(*mapping.Spec) map[string]string
}

// Tables keeps the rows of one projection, a set of tables for each generation.
type Tables interface {
	// Create makes a generation's tables, without indexes.
	Create(ctx context.Context, tx Tx, generation int64) error
	// Index makes the indexes and what the planner knows of the tables.
	Index(ctx context.Context, tx Tx, generation int64) error
	// Merge adds what was folded to an indexed generation.
	Merge(ctx context.Context, tx Tx, generation int64, fold projections.Fold) error
	// Load returns a loader for a generation without indexes.
	Load(generation int64) Loader
	// Serve points the views at the generation.
	Serve(ctx context.Context, tx Tx, generation int64) error
	// Describe comments the views.
	Describe(ctx context.Context, tx Tx) error
	// Drop drops whatever there is of the generation's tables.
	Drop(ctx context.Context, tx Tx, generation int64) error
	// Compare returns up to limit differences between the rows of two
	// generations, and how many there are.
	Compare(ctx context.Context, tx Tx, served, rebuilt int64, limit int) ([]Difference, int, error)
	// Preview counts what would change if rebuilt were served.
	Preview(ctx context.Context, tx Tx, served, rebuilt int64) ([]Count, error)
}

// Loader takes in what several workers folded, in any order, and makes the
// generation's rows of it. Its methods are safe for concurrent use.
type Loader interface {
	// Add takes a partial result. It adds to what the fold ignored what the
	// database cannot hold.
	Add(ctx context.Context, fold projections.Fold) error
	// Finish makes what is left of the rows, after the last Add. It returns what
	// the database could not hold and was passed over.
	Finish(ctx context.Context) (projections.Issues, error)
}

// Difference is a row that is not the same in two generations.
type Difference struct {
	Table   string `json:"table"`
	Key     string `json:"key"`
	Served  string `json:"served,omitempty"`  // the row as JSON; empty: missing
	Rebuilt string `json:"rebuilt,omitempty"` // the row as JSON; empty: missing
}
