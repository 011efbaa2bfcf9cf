package mapping

import (
	"fmt"
	"slices"
)

// A replay compares keys to find which parts a mapping change alters: two specs
// have the same key exactly when they make the same rows of the same calls.

// EventsKey covers events, except the ids in them and the version's number.
func (s Spec) EventsKey() string {
	if !s.Events.Has(EventKinds) {
		return ""
	}
	return fmt.Sprintf("%q %v", s.EventPrefix, s.Events&EventKinds)
}

// PreferencesKey covers people's preferences.
func (s Spec) PreferencesKey() string { return fmt.Sprintf("%q", s.Preferences) }

// ChannelsKey covers people's channels. These are sets, so the order of the
// traits of a channel makes no difference.
func (s Spec) ChannelsKey() string {
	sets := s.Channels
	for c, traits := range sets {
		sets[c] = slices.Sorted(slices.Values(traits))
	}
	return fmt.Sprintf("%q", sets)
}

// IdentityKey covers which ids stand for one person.
func (s Spec) IdentityKey() string { return s.Identity.String() }
