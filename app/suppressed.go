package app

// Suppressed tells whose calls are dropped at the door. It answers from memory.
type Suppressed interface {
	// Any tells whether there is anybody.
	Any() bool
	// Drops tells whether calls of what the key stands for are dropped, and counts
	// the call if so.
	Drops(key string) bool
}

// AnonymousKey returns the key of an anonymous id. U+0000 is in no id.
func AnonymousKey(id string) string { return "\x00" + id }
