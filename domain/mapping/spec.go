// Package mapping defines the content of a mapping (Spec), the mapping version that
// applies to each part of the log (Timeline), and the differences of two specs or
// timelines. It knows no file format but its own JSON, no database and no clock.
package mapping

import (
	"slices"
	"time"

	"relay/domain/profile"
	"relay/domain/segment"
)

// Spec is the content of one mapping version. A Spec is never modified.
type Spec struct {
	EventPrefix string                          // put before every event name
	Preferences [profile.PreferenceCount]string // trait by preference; "": not mapped
	Channels    [profile.ChannelCount][]string  // traits by channel, in order; nil: not mapped
	Events      segment.Kinds                   // calls that become events, of EventKinds
	Identity    Identity
}

// EventKinds are the kinds of calls that a mapping can make events.
const EventKinds = segment.Track | segment.Page | segment.Screen

// Identity says whether ids of one person are joined.
type Identity uint8

const (
	Off  Identity = iota // only userId makes profiles
	Join                 // anonymous ids and aliases are followed
)

var identityNames = [...]string{"off", "join"}

// String returns the name in mapping files.
func (i Identity) String() string { return identityNames[i] }

// ParseIdentity returns the identity of that name.
func ParseIdentity(name string) (Identity, bool) {
	i := slices.Index(identityNames[:], name)
	return Identity(max(i, 0)), i >= 0
}

// ParsePreference returns the preference of that name.
func ParsePreference(name string) (profile.Preference, bool) {
	for p := range profile.Preference(profile.PreferenceCount) {
		if p.String() == name {
			return p, true
		}
	}
	return 0, false
}

// Default is version 1 of every mapping.
func Default() Spec {
	s := Spec{Events: segment.Track}
	s.Channels[profile.Email] = []string{"email"}
	s.Channels[profile.SMS] = []string{"phone"}
	return s
}

// Reference is the mapping that a new mapping file begins with: it names every
// preference and every channel.
func Reference() Spec {
	s := Spec{EventPrefix: "segment : ", Events: segment.Track}
	s.Preferences = [...]string{profile.Language: "language", profile.Locale: "locale", profile.Timezone: "tz"}
	s.Channels = [...][]string{
		profile.Email:             {"email"},
		profile.SMS:               {"phone", "address.mobile"},
		profile.WhatsApp:          {"whatsapp"},
		profile.SlackEmail:        {"slackEmail"},
		profile.SlackUserID:       {"slackUserID"},
		profile.AndroidPushFCM:    {"fcmAndroidpush"},
		profile.AndroidPushXiaomi: {"xiaomiAndroidpush"},
		profile.IOSPushAPNS:       {"apnsIospush"},
	}
	return s
}

// Equal reports whether both say the same, the order of traits included.
func (s Spec) Equal(t Spec) bool {
	for c := range s.Channels {
		if !slices.Equal(s.Channels[c], t.Channels[c]) {
			return false
		}
	}
	return s.EventPrefix == t.EventPrefix && s.Preferences == t.Preferences &&
		s.Events == t.Events && s.Identity == t.Identity
}

// Version is a spec with its number. Versions count from 1 and are never edited.
type Version struct {
	Number    int       `json:"version"`
	Spec      Spec      `json:"spec"`
	Note      string    `json:"note"`
	CreatedAt time.Time `json:"created_at"`
}
