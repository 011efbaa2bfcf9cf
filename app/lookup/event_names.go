package lookup

import (
	"context"
	"time"
)

// EventName is an event name that the view has rows of.
type EventName struct {
	Name    string    `json:"event_name"`
	Type    string    `json:"type"`
	Count   int64     `json:"count"`
	Earlier int64     `json:"earlier"` // in the older half of the stretch
	Later   int64     `json:"later"`   // in the newer half of the stretch
	LastAt  time.Time `json:"last_received_at"`
}

// EventNames are the events of the last stretch of the log.
type EventNames struct {
	From  int64       `json:"from_offset"` // of the stretch
	UpTo  int64       `json:"up_to_offset"`
	Names []EventName `json:"events"` // the most frequent first
}

// EventProperty is a property that rows of an event have.
type EventProperty struct {
	Key      string   `json:"key"`
	Type     string   `json:"type"` // of JSON
	Count    int64    `json:"count"`
	Examples []string `json:"examples"`
}

// EventReader tells which events there are.
type EventReader interface {
	Names(ctx context.Context) (EventNames, error)
	// Properties reads a sample of the last events of that name, and returns how many
	// the sample has.
	Properties(ctx context.Context, name string) (list []EventProperty, looked int64, err error)
}
