package projections

import (
	"slices"

	"relay/domain/eventlog"
)

// Message is the row that a call makes under its message id.
type Message struct {
	ID string
	At eventlog.Position // of the call
}

// ByMessage is what a fold adds to Fold whose rows stand under message ids: of
// several calls with one id, the one with the lowest position makes the row.
type ByMessage interface {
	// Messages returns the rows in order of position, each message id once. Other
	// rows under these ids are dropped from the fold.
	Messages() []Message
	// Drop drops the rows under the message ids.
	Drop(ids map[string]bool)
	// Take adds the row of a message from another fold of the same type. It returns
	// false if that fold makes no such row.
	Take(from Fold, m Message) bool
}

// Messages implements ByMessage.
func (f *EventsFold) Messages() []Message {
	f.Events = lowest(f.Events)
	messages := make([]Message, len(f.Events))
	for i, e := range f.Events {
		messages[i] = Message{ID: e.MessageID, At: e.Position}
	}
	return messages
}

// Drop implements ByMessage.
func (f *EventsFold) Drop(ids map[string]bool) {
	f.Events = slices.DeleteFunc(f.Events, func(e Event) bool { return ids[e.MessageID] })
}

// Take implements ByMessage.
func (f *EventsFold) Take(from Fold, m Message) bool {
	for _, e := range lowest(from.(*EventsFold).Events) {
		if e.MessageID == m.ID && e.Position == m.At {
			f.Events = append(f.Events, e)
			return true
		}
	}
	return false
}

// lowest puts events in order of position, and keeps the first of each message.
func lowest(events []Event) []Event {
	slices.SortFunc(events, func(a, b Event) int { return a.Position.Compare(b.Position) })
	known := make(map[string]bool, len(events))
	return slices.DeleteFunc(events, func(e Event) bool {
		double := known[e.MessageID]
		known[e.MessageID] = true
		return double
	})
}
