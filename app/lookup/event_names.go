package lookup

import (
	"context"
	"time"
)

// EventName is an event that people really did.
type EventName struct {
	Name    string    `json:"event_name"`
	Type    string    `json:"type"`
	Count   int64     `json:"count"`
	Earlier int64     `json:"earlier"` // of them, in the older half of what was looked at
	Later   int64     `json:"later"`   // in the newer half
	LastAt  time.Time `json:"last_received_at"`
}

// EventNames are the events of the last stretch of the log.
type EventNames struct {
	From  int64       `json:"from_offset"` // of what was looked at
	UpTo  int64       `json:"up_to_offset"`
	Names []EventName `json:"events"` // the most frequent first
}

// EventProperty is a property that an event really has.
type EventProperty struct {
	Key      string   `json:"key"`
	Type     string   `json:"type"` // of JSON
	Count    int64    `json:"count"`
	Examples []string `json:"examples"`
}

// EventReader looks at which events there are.
type EventReader interface {
	Names(ctx context.Context) (EventNames, error)
	// Properties looks at some of the last events of that name, and returns how
	// many those were.
	Properties(ctx context.Context, name string) (list []EventProperty, looked int64, err error)
}
