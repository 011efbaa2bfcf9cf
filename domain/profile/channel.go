// Package profile holds a person's state as pieces that merge: last-writer-wins
// registers, grow-only channel sets, least and greatest times. Merging is
// commutative, associative and idempotent. It knows no database and no clock.
package profile

// Channel is a way to reach a person.
type Channel uint8

// The eight channels, in the order in which mapping files list them.
const (
	Email Channel = iota
	SMS
	WhatsApp
	SlackEmail
	SlackUserID
	AndroidPushFCM
	AndroidPushXiaomi
	IOSPushAPNS
	ChannelCount = 8
)

var channelNames = [ChannelCount]string{
	"email", "sms", "whatsapp", "slack_email", "slack_user_id",
	"androidpush_fcm", "androidpush_xiaomi", "iospush_apns",
}

// String returns the channel's name in mapping files and in SQL.
func (c Channel) String() string { return channelNames[c] }

// ParseChannel returns the channel of that name.
func ParseChannel(name string) (Channel, bool) {
	for i, n := range channelNames {
		if n == name {
			return Channel(i), true
		}
	}
	return 0, false
}

// Preference is one of the settings that a mapped trait can set.
type Preference uint8

// The preferences, in the order in which mapping files list them.
const (
	Language Preference = iota
	Locale
	Timezone
	PreferenceCount = 3
)

var preferenceNames = [PreferenceCount]string{"language", "locale", "timezone"}

// String returns the preference's name in mapping files.
func (p Preference) String() string { return preferenceNames[p] }
