package projections

import (
	"slices"

	"relay/domain/mapping"
)

// The parts of the profiles projection, each a table of its own. A change of
// the mapping can alter some and leave the others.
const (
	PartProperties  = "properties"
	PartPreferences = "preferences"
	PartChannels    = "channels"
)

// PartEvents is the events projection's only part.
const PartEvents = "events"

// ProfilesParts are all parts of the profiles projection.
func ProfilesParts() []string { return []string{PartProperties, PartPreferences, PartChannels} }

// ProfilesDepend returns, for each part of the profiles projection, a key made of the
// settings that the part reads. Equal keys mean equal rows.
func ProfilesDepend(s *mapping.Spec) map[string]string {
	identity := s.IdentityKey()
	return map[string]string{
		PartProperties:  identity,
		PartPreferences: identity + s.PreferencesKey(),
		PartChannels:    identity + s.ChannelsKey(),
	}
}

// EventsDepend does the same for the events projection.
func EventsDepend(s *mapping.Spec) map[string]string {
	return map[string]string{PartEvents: s.IdentityKey() + s.EventsKey()}
}

// IssueCodes returns the codes of the issues that belong to a part of the
// profiles projection.
func IssueCodes(part string) []string {
	var codes []string
	switch part {
	case PartProperties:
		codes = []string{"bad_time", "traits_not_an_object", "unreadable_payload", Unstorable}
	case PartPreferences:
		for p := range preferenceCount {
			codes = append(codes, preferenceIssue(p))
		}
	case PartChannels:
		for c := range channelCount {
			codes = append(codes, channelIssue(c))
		}
	}
	return codes
}

// partSet says which parts a fold makes.
type partSet struct {
	properties, preferences, channels bool
}

func partsOf(names []string) partSet {
	return partSet{
		properties:  slices.Contains(names, PartProperties),
		preferences: slices.Contains(names, PartPreferences),
		channels:    slices.Contains(names, PartChannels),
	}
}
