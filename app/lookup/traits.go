package lookup

import "context"

// TraitKey is a trait that people really have.
type TraitKey struct {
	Path     string   `json:"path"`   // its key, or keys joined by dots
	People   int      `json:"people"` // of those looked at, who have it
	Examples []string `json:"examples"`
}

// Traits are the traits of some people.
type Traits struct {
	People int        `json:"people"` // that were looked at
	Keys   []TraitKey `json:"traits"` // the most frequent first
}

// TraitReader looks at which traits people have.
type TraitReader interface {
	Traits(ctx context.Context) (Traits, error)
}
