package app

import (
	"relay/domain/mapping"
	"relay/domain/segment"
	"relay/projections"
)

// Projection is what a fold and its tables make together.
type Projection struct {
	Name    string
	Kinds   segment.Kinds // of the entries that the fold reads
	PerCall bool          // each row follows from one call alone, but for message ids that came twice
	// Joins reports whether rows depend on which ids are one person's. If so, the
	// fold is given the calls that join ids, and the tables keep links.
	Joins   bool
	Parts   []string
	NewFold func(parts []string) projections.Fold
	// NewTables returns the ports to the tables of some parts.
	NewTables func(parts []string) Tables
	Tables    Tables // those of Parts
	// Late reports whether a call matters only under `identity: join`. When a
	// mapping first joins ids, such calls are merged from the start of the log.
	// nil: no call is late.
	Late func(*segment.Call) bool
	// Depends returns, for each part, a key made of the settings that the part
	// reads. Equal keys mean equal rows.
	Depends func(*mapping.Spec) map[string]string
	// IssueCodes returns the codes of the issues that belong to a part. nil: there
	// is one part, and all issues belong to it.
	IssueCodes func(part string) []string
}

// Only returns the projection limited to some of its parts.
func (p Projection) Only(parts []string) Projection {
	p.Parts = parts
	p.Tables = p.NewTables(parts)
	return p
}

// Under returns the projection as it is to be read under the mappings.
func (p Projection) Under(m projections.Mappings) Projection {
	if p.JoinsUnder(m) {
		p.Kinds |= projections.LinkKinds
	}
	return p
}

// JoinsUnder reports whether ids are joined in the projection under the mappings.
func (p Projection) JoinsUnder(m projections.Mappings) bool { return p.Joins && m.Joined }

// Fold returns a new fold of the projection's parts.
func (p Projection) Fold() projections.Fold { return p.NewFold(p.Parts) }

// NamesOf returns the names of projections.
func NamesOf(list []Projection) []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
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
