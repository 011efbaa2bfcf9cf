package app

import (
	"context"

	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/mapping"
	"relay/domain/segment"
	"relay/projections"
)

// Projection is what a fold and its tables make together.
type Projection struct {
	Name    string
	Kinds   segment.Kinds // of the entries that the fold reads
	PerCall bool          // each row follows from one call alone, but for message ids that came twice
	Parts   []string
	NewFold func(parts []string) projections.Fold
	Tables  Tables
	// Late tells of the calls that the fold passes over as long as no mapping
	// joins ids, and needs from the beginning on once one does; nil: there are
	// none.
	Late func(*segment.Call) bool
	// Depends says what of a mapping each part depends on: where two specs give
	// the same, they make the same rows.
	Depends func(*mapping.Spec) map[string]string
}

// Only returns the projection limited to some of its parts.
func (p Projection) Only(parts []string) Projection {
	p.Parts = parts
	p.Tables = p.Tables.Only(parts)
	return p
}

// Under returns the projection as it is to be read under the mappings.
func (p Projection) Under(m projections.Mappings) Projection {
	if m.Joined {
		p.Kinds |= projections.LinkKinds
	}
	return p
}

// Fold returns a new fold of the projection's parts.
func (p Projection) Fold() projections.Fold { return p.NewFold(p.Parts) }

// Tables keeps the rows of one projection, a set of tables for each generation.
type Tables interface {
	// Only returns the tables of some parts.
	Only(parts []string) Tables
	// Adopt gives a generation the tables that it was not built with, and the
	// issues that belong to them, from the one that is served and ends.
	Adopt(ctx context.Context, tx Tx, from, to int64) error
	// Create makes a generation's tables, without indexes; joined tells whether
	// its mappings join ids.
	Create(ctx context.Context, tx Tx, generation int64, joined bool) error
	// Index makes the indexes and what the planner knows of the tables.
	Index(ctx context.Context, tx Tx, generation int64) error
	// Complete drops what only loading needed: the generation is loaded and
	// indexed.
	Complete(ctx context.Context, tx Tx, generation int64) error
	// Join makes what a generation needs whose mappings join ids, and is not
	// there yet. It returns the parts that it made it for.
	Join(ctx context.Context, tx Tx, generation int64) (parts []string, err error)
	// Merge adds what was folded to an indexed generation.
	Merge(ctx context.Context, tx Tx, generation int64, fold projections.Fold) error
	// Load returns a loader for a generation without indexes; memory is about how
	// many bytes of partial results it may keep.
	Load(generation, memory int64) Loader
	// Loaded returns the ranges of the log that loaders of the generation kept.
	Loaded(ctx context.Context, tx Tx, generation int64) ([]eventlog.Range, error)
	// Serve points the views at the generation.
	Serve(ctx context.Context, tx Tx, generation int64) error
	// Describe comments the views.
	Describe(ctx context.Context, tx Tx) error
	// Erase deletes what goes from a generation that is indexed, and merges anew
	// what is left of rows that others contribute to.
	Erase(ctx context.Context, tx Tx, generation int64, e Erased) error
	// Copy copies rows from one generation to another.
	Copy(ctx context.Context, tx Tx, from, to int64, which Which) error
	// Write adds what was folded, and the given links in place of those that the
	// fold holds, to a generation that holds none of it. What the database cannot
	// hold is passed over, as Load does.
	Write(ctx context.Context, tx Tx, generation int64, fold projections.Fold, links identity.State) error
	// Drop drops whatever there is of the generation's tables.
	Drop(ctx context.Context, tx Tx, generation int64) error
	// Compare returns up to limit differences between the rows of two
	// generations, and how many there are.
	Compare(ctx context.Context, tx Tx, served, rebuilt int64, limit int) ([]Difference, int, error)
	// Preview counts what people would see change if rebuilt were served, and
	// returns up to limit examples, without what nobody sees.
	Preview(ctx context.Context, tx Tx, served, rebuilt int64, limit int) ([]Count, []Difference, error)
}

// Which says which rows: those of the people in the ranges, and those of the
// messages, wherever they are.
type Which struct {
	People   []string         // by their ids; nil: everybody
	Ranges   []eventlog.Range // of the log, where rows have a place in it
	Messages []string         // by message id, where rows have one
	Linked   []string         // ids from which links lead, where ids are joined
}

// Loader takes in what several workers folded, in any order, and makes the
// generation's rows of it. What it keeps, it keeps together with the ranges that
// it stands for and the issues that belong to them, so that another loader of
// the same generation can go on after the process ended at any point. Add is safe
// for concurrent use.
type Loader interface {
	// Add takes a partial result and the ranges of the log that it holds.
	Add(ctx context.Context, fold projections.Fold, of []eventlog.Range) error
	// Finish makes what is left of the rows, after the last Add.
	Finish(ctx context.Context) error
	// Index makes the indexes and what the planner knows of the tables, after
	// Finish. What is there already stays.
	Index(ctx context.Context) error
}

// Difference is a row that is not the same in two generations.
type Difference struct {
	Table   string `json:"table"`
	Key     string `json:"key"`
	Served  string `json:"served,omitempty"`  // the row as JSON; empty: missing
	Rebuilt string `json:"rebuilt,omitempty"` // the row as JSON; empty: missing
}

// Count is a number of something.
type Count struct {
	What  string `json:"what"`
	Count int64  `json:"count"`
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
