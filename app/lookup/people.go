package lookup

import (
	"context"
	"encoding/json"
	"time"

	"relay/domain/eventlog"
)

// PersonHit is a person that a search found.
type PersonHit struct {
	ID               string
	Name, Email      string // of their properties and channels; empty: none
	LastIdentifiedAt time.Time
}

// PersonSearch is what a search found.
type PersonSearch struct {
	People   []PersonHit
	CutShort bool // whether time was over before everybody was looked at, so that there may be more
}

// Origin says where a value came from: which call, when, and who sent it.
type Origin struct {
	At     time.Time // observed
	Offset eventlog.Offset
	Index  int32
	Source string // empty: the payload is gone
}

// PersonValue is a property or a preference of a person.
type PersonValue struct {
	Name  string
	Value string // JSON for properties
	Origin
}

// PersonChannel is a value of a channel of a person.
type PersonChannel struct {
	Channel, Value string
	First, Last    time.Time // observed
}

// PersonEvent is an event of a person.
type PersonEvent struct {
	Offset      int64
	Index       int
	Name, Type  string
	OccurredAt  time.Time
	Source      string
	Version     int // of the mapping
	Properties  json.RawMessage
	AnonymousID string
}

// PersonID is another id of a person.
type PersonID struct {
	ID, Kind string
	Since    time.Time
}

// PersonDetail is everything that is served of a person.
type PersonDetail struct {
	ID          string
	First, Last time.Time // identified
	Properties  []PersonValue
	Preferences []PersonValue
	Channels    []PersonChannel
	Identities  []PersonID
	Events      []PersonEvent // the last ones, the newest first
}

// PeopleReader looks up people.
type PeopleReader interface {
	// Search finds people by id or the beginning of one, by any channel value, and
	// where there is none by a property: key=value, or the value of any. That means
	// to read everybody, for which little time is given unless everybody is true.
	Search(ctx context.Context, text string, limit int, everybody bool) (PersonSearch, error)
	// Detail returns ErrNotFound if the id is nobody's.
	Detail(ctx context.Context, id string) (PersonDetail, error)
}
