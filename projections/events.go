package projections

import (
	"fmt"

	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/segment"
)

// EventsKinds are the kinds of calls that the events projection reads: those
// that a mapping can list, and unusable calls, which it records as issues for all
// projections.
const EventsKinds = segment.Track | segment.Page | segment.Screen | segment.Unusable

// Event is one row of relay.events without the mapping version, which follows from
// the offset and the timeline. An empty string stands for null; MessageID, Type and
// Name are never empty.
type Event struct {
	eventlog.Position
	MessageID   string
	Type        string
	Name        string // with the mapping's prefix
	DistinctID  string // the userId; the view replaces it by the canonical id
	AnonymousID string
	Properties  []byte // JSON object that Postgres can keep
	OccurredAt  segment.Instant
	ReceivedAt  segment.Instant
	Source      string
}

// EventsFold turns calls into events.
type EventsFold struct {
	Events []Event
	Links  identity.State // where mappings join ids
	issues Issues
	size   int
	arena  arena
	names  map[eventName]string
}

type eventName struct{ prefix, name string }

// NewEventsFold returns an empty fold.
func NewEventsFold() *EventsFold {
	return &EventsFold{issues: Issues{}, names: map[eventName]string{}}
}

// Ignored implements Fold.
func (f *EventsFold) Ignored() Issues { return f.issues }

// Size implements Fold.
func (f *EventsFold) Size() int { return f.size }

// Reject implements Fold.
func (f *EventsFold) Reject(e *eventlog.Entry, code string, n int) {
	f.issues.addMany(e, code, "the call cannot be used", n)
}

// Call implements Fold.
func (f *EventsFold) Call(e *eventlog.Entry, c *segment.Call, m Mapping) {
	if m.Joined {
		f.size += AddLink(&f.Links, e, c, m)
	}
	if !m.Spec.Events.Has(c.Kind) {
		return
	}
	name := nameOf(c)
	if name == "" {
		f.issues.Add(e, "no_event_name", "event is missing, empty or not text")
		return
	}
	at, problems := c.ObservedAt(e.ReceivedAt)
	f.issues.addTimes(e, problems)
	f.add(Event{
		Position:  eventlog.Position{Offset: e.Offset, Index: int32(c.Index)},
		MessageID: MessageID(e, c), Type: c.Kind.String(), Name: f.prefixed(m.Spec.EventPrefix, name),
		DistinctID: c.UserID, AnonymousID: c.AnonymousID, Properties: f.properties(e, c),
		OccurredAt: at, ReceivedAt: e.ReceivedAt, Source: e.Source,
	})
}

// eventSize estimates the size of an event in memory without its texts, in bytes.
const eventSize = 200

func (f *EventsFold) add(ev Event) {
	f.size += eventSize + len(ev.Properties) + len(ev.MessageID) + len(ev.DistinctID) + len(ev.AnonymousID)
	f.Events = append(f.Events, ev)
}

// prefixed joins prefix and name, keeping one copy of each result.
func (f *EventsFold) prefixed(prefix, name string) string {
	if prefix == "" {
		return name
	}
	key := eventName{prefix, name}
	joined, ok := f.names[key]
	if !ok {
		joined = prefix + name
		if len(f.names) < 10_000 {
			f.names[key] = joined
		}
	}
	return joined
}

func (f *EventsFold) properties(e *eventlog.Entry, c *segment.Call) []byte {
	switch c.Properties.Kind() {
	case segment.Object:
		return f.arena.json(c.Properties)
	case segment.Absent, segment.Null:
	default:
		f.issues.Add(e, "properties_not_an_object", "properties")
	}
	return []byte("{}")
}

// MessageID returns the id under which a call makes one event at most.
func MessageID(e *eventlog.Entry, c *segment.Call) string {
	if c.MessageID != "" {
		return c.MessageID
	}
	return fmt.Sprintf("log:%d:%d", e.Offset, c.Index)
}

// nameOf returns the event's name without prefix, "" where there is none.
func nameOf(c *segment.Call) string {
	switch c.Kind {
	case segment.Page:
		return viewed(c, "Page")
	case segment.Screen:
		return viewed(c, "Screen")
	default:
		return c.Event
	}
}

func viewed(c *segment.Call, what string) string {
	switch {
	case c.Category != "" && c.Name != "":
		return "Viewed " + c.Category + " " + c.Name + " " + what
	case c.Category != "":
		return "Viewed " + c.Category + " " + what
	case c.Name != "":
		return "Viewed " + c.Name + " " + what
	default:
		return "Loaded a " + what
	}
}
