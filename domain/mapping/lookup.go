package mapping

import (
	"strings"

	"relay/domain/segment"
)

// Lookup finds a mapped trait: the top-level member with exactly that key, be
// its value null or not valid, else the path of keys separated by dots through
// objects.
func Lookup(traits segment.Value, path string) (segment.Value, bool) {
	v, ok := traits.Get(path)
	if ok || !strings.Contains(path, ".") {
		return v, ok
	}
	v = traits
	for key := range strings.SplitSeq(path, ".") {
		if v, ok = v.Get(key); !ok {
			return segment.Value{}, false
		}
	}
	return v, true
}
