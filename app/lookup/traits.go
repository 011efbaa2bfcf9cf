package lookup

import "context"

// TraitKey is a trait that people of the sample have.
type TraitKey struct {
	Path     string   `json:"path"`   // its key, or keys joined by dots
	People   int      `json:"people"` // of the sample, who have the trait
	Examples []string `json:"examples"`
}

// Traits are the traits of a sample of people.
type Traits struct {
	People int        `json:"people"` // in the sample
	Keys   []TraitKey `json:"traits"` // the most frequent first
}

// TraitReader tells which traits people have.
type TraitReader interface {
	Traits(ctx context.Context) (Traits, error)
}
