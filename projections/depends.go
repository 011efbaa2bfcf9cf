package projections

import "relay/domain/mapping"

// ProfilesDepend is what of a mapping the profiles projection depends on.
func ProfilesDepend(s *mapping.Spec) map[string]string {
	return map[string]string{"preferences": s.PreferencesKey(), "channels": s.ChannelsKey(), "identity": s.IdentityKey()}
}

// EventsDepend is what of a mapping the events projection depends on.
func EventsDepend(s *mapping.Spec) map[string]string {
	return map[string]string{"events": s.EventsKey(), "identity": s.IdentityKey()}
}
