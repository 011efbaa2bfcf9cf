package app

// Suppressed knows whose calls ingest drops. It answers from memory.
type Suppressed interface {
	// Any reports whether anybody is suppressed.
	Any() bool
	// Drops reports whether the calls of a key are dropped, and counts a dropped
	// call if so. A key is a user id, or AnonymousKey of an anonymous id.
	Drops(key string) bool
}

// AnonymousKey returns the key of an anonymous id. No user id has the same key:
// U+0000 is in no id.
func AnonymousKey(id string) string { return "\x00" + id }
