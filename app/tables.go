package app

import (
	"context"

	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/projections"
)

// Tables are the ports to the tables of a projection: one set of tables for each
// generation. An adapter may implement all of them with one type.
type Tables struct {
	Schema    Schema
	Rows      Rows
	Loading   Loading
	Views     Views
	Comparing Comparing
	Sampling  Sampling
	// Messages finds rows by message id; nil: rows have none.
	Messages MessageFinder
}

// Schema makes and drops a generation's tables.
type Schema interface {
	// Create makes the tables, without indexes; joined tells whether ids
	// are joined in the generation.
	Create(ctx context.Context, tx Tx, generation int64, joined bool) error
	// Index makes the indexes and what the planner knows of the tables.
	Index(ctx context.Context, tx Tx, generation int64) error
	// Complete drops what only loading needed: the generation is loaded and
	// indexed.
	Complete(ctx context.Context, tx Tx, generation int64) error
	// Adopt moves the tables of parts that were not rebuilt, and their issues, from
	// the served generation to its successor. ErrLocked if readers use them.
	Adopt(ctx context.Context, tx Tx, from, to int64) error
	// Drop drops whatever there is of the tables. ErrLocked if readers use them.
	Drop(ctx context.Context, tx Tx, generation int64) error
}

// Rows keeps the rows of an indexed generation.
type Rows interface {
	// Join makes what a generation needs whose mappings join ids, and is not
	// there yet. It returns the parts that it made it for. It is called for
	// projections that join ids only.
	Join(ctx context.Context, tx Tx, generation int64) (parts []string, err error)
	// Merge adds what was folded. A call that was merged before may come once more,
	// and changes nothing then. ErrUnstorable if the database refuses a value.
	Merge(ctx context.Context, tx Tx, generation int64, fold projections.Fold) error
	// Erase deletes the rows of erased calls, and merges anew what is left of rows
	// that others contribute to.
	Erase(ctx context.Context, tx Tx, generation int64, e Erased) error
}

// Loading loads generations that have no indexes yet.
type Loading interface {
	// Load returns a loader; memory is about how many bytes of partial results it
	// may keep.
	Load(generation, memory int64) Loader
	// Loaded returns the ranges of the log that loaders of the generation kept.
	Loaded(ctx context.Context, tx Tx, generation int64) ([]eventlog.Range, error)
}

// Loader takes in what several workers folded, in any order, and makes the
// generation's rows of it. What it keeps, it keeps together with the ranges that
// it stands for and the issues that belong to them, so that another loader of
// the same generation can go on after the process ended at any point. Add is safe
// for concurrent use. Its methods return ErrDiskFull where no space is left.
type Loader interface {
	// Add takes a partial result and the ranges of the log that it holds.
	Add(ctx context.Context, fold projections.Fold, of []eventlog.Range) error
	// Finish makes what is left of the rows, after the last Add.
	Finish(ctx context.Context) error
	// Index makes the indexes and what the planner knows of the tables, after
	// Finish. What is there already stays.
	Index(ctx context.Context) error
}

// Views shows people the rows of the served generation.
type Views interface {
	// Serve points the views at the generation. ErrLocked if readers use them.
	Serve(ctx context.Context, tx Tx, generation int64) error
	// Describe comments the views.
	Describe(ctx context.Context, tx Tx) error
}

// Comparing compares two generations of the projection.
type Comparing interface {
	// Compare returns up to limit differences between the rows of two
	// generations, and how many there are.
	Compare(ctx context.Context, tx Tx, served, rebuilt int64, limit int) ([]Difference, int, error)
	// Preview counts what people would see change if rebuilt were served, and
	// returns up to limit examples, without what nobody sees.
	Preview(ctx context.Context, tx Tx, served, rebuilt int64, limit int) ([]Count, []Difference, error)
}

// Sampling takes some rows of a generation aside.
type Sampling interface {
	// SomePeople returns up to n ids at random of people who have rows; all there
	// are, if n is enough. Nobody asks projections that are PerCall for it.
	SomePeople(ctx context.Context, tx Tx, generation int64, n int) ([]string, error)
	// Copy copies rows from one generation to another. ErrReplaced if the first one
	// is gone.
	Copy(ctx context.Context, tx Tx, from, to int64, which Which) error
	// Write adds what was folded, and the given links in place of those that the
	// fold holds, to a generation that holds none of it. What the database cannot
	// hold is passed over, as Load does.
	Write(ctx context.Context, tx Tx, generation int64, fold projections.Fold, links identity.State) error
}

// Which says which rows: those of the people in the ranges, and those of the
// messages, wherever they are.
type Which struct {
	People   []string         // by their ids; nil: everybody
	Ranges   []eventlog.Range // of the log, where rows have a place in it
	Messages []string         // by message id, where rows have one
	Linked   []string         // ids from which links lead, where ids are joined
}

// MessageFinder finds rows by message id.
type MessageFinder interface {
	// MessageRows returns which rows stand under the message ids.
	MessageRows(ctx context.Context, tx Tx, generation int64, ids []string) (map[string]MessageRow, error)
}

// MessageRow is where a row comes from and whose it is.
type MessageRow struct {
	eventlog.Position
	DistinctID  string // empty: nobody's
	AnonymousID string
}
