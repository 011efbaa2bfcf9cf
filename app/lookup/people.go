package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"relay/domain/eventlog"
)

// Person is everything that the views say of a person.
type Person struct {
	// ID is the distinct_id, or an anonymous id that belongs to nobody.
	ID         string         `json:"id"`
	Anonymous  bool           `json:"anonymous"`            // whether ID is such an anonymous id
	Profile    *ProfileRow    `json:"profile"`              // null: none
	NoProfile  string         `json:"no_profile,omitempty"` // why there is none
	Channels   []ChannelRow   `json:"profile_channels"`
	Identities []IdentityRow  `json:"identities"`
	Events     []EventRow     `json:"last_events"` // the newest first
	Origins    ProfileOrigins `json:"origins"`
}

// ProfileRow is a row of relay.profiles.
type ProfileRow struct {
	DistinctID        string              `json:"distinct_id"`
	Properties        json.RawMessage     `json:"properties"`
	PreferredLanguage *string             `json:"preferred_language"`
	Locale            *string             `json:"locale"`
	Timezone          *string             `json:"timezone"`
	Channels          map[string][]string `json:"channels"`
	FirstIdentifiedAt time.Time           `json:"first_identified_at"`
	LastIdentifiedAt  time.Time           `json:"last_identified_at"`
}

// ChannelRow is a row of relay.profile_channels.
type ChannelRow struct {
	DistinctID  string    `json:"distinct_id"`
	Channel     string    `json:"channel"`
	Value       string    `json:"value"`
	FirstSeenAt time.Time `json:"first_seen_at"`
	LastSeenAt  time.Time `json:"last_seen_at"`
}

// IdentityRow is a row of relay.identities.
type IdentityRow struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	DistinctID string    `json:"distinct_id"`
	Since      time.Time `json:"since"`
}

// EventRow is a row of relay.events.
type EventRow struct {
	LogOffset      int64           `json:"log_offset"`
	LogIndex       int             `json:"log_index"`
	MessageID      string          `json:"message_id"`
	Type           string          `json:"type"`
	EventName      string          `json:"event_name"`
	DistinctID     *string         `json:"distinct_id"`
	AnonymousID    *string         `json:"anonymous_id"`
	Properties     json.RawMessage `json:"properties"`
	OccurredAt     time.Time       `json:"occurred_at"`
	ReceivedAt     time.Time       `json:"received_at"`
	Source         string          `json:"source"`
	MappingVersion int             `json:"mapping_version"`
}

// ProfileOrigins say which call the values of a profile came from, by the
// property's key and by the column of the preference.
type ProfileOrigins struct {
	Properties  map[string]Origin `json:"properties"`
	Preferences map[string]Origin `json:"preferences"`
}

// Origin is the call that a value came from.
type Origin struct {
	At     time.Time       `json:"observed_at"`
	Offset eventlog.Offset `json:"log_offset"`
	Index  int32           `json:"log_index"`
	Source string          `json:"source"` // empty: the payload is gone
}

// Why a person has no profile.
const (
	NeverIdentified = "No identify call has named this userId yet. The first one makes the profile."
	UnownedID       = "This is an anonymous id, and no call has tied it to a userId yet."
	NotJoined       = "This is an anonymous id, and the mapping joins no ids (identity: off)."
)

// PersonHit is a person that a search found.
type PersonHit struct {
	ID               string
	Name, Email      string    // of the properties and channels; empty: none
	LastIdentifiedAt time.Time // zero: there is no profile
}

// PersonSearch is what a search found.
type PersonSearch struct {
	People   []PersonHit
	CutShort bool // whether time was over before all people were looked at, so that there may be more
}

// ErrNoTime is returned where an id is neither a user's nor joined to one, and the
// events could not all be looked through for an anonymous id in time.
var ErrNoTime = errors.New("events could not all be looked through for an anonymous id in the time that a look-up has; " +
	"an index makes this quick, and relay serve makes the index about a minute after a re-projection")

// PeopleReader looks up people.
type PeopleReader interface {
	// Search finds people by id or the beginning of one, by any channel value, and
	// where there is none by a property: key=value, or the value of any. Properties
	// have no index, so reading them has little time unless everybody is true. People
	// without a profile are found by their whole id.
	Search(ctx context.Context, text string, limit int, everybody bool) (PersonSearch, error)
	// Person reads the person whom a user id or an anonymous id belongs to.
	// ErrNotFound: no view has the id. ErrNoTime: see there.
	Person(ctx context.Context, id string) (Person, error)
}
