package sample

import (
	"cmp"
	"context"
	"slices"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// settle gives every message id of a batch to the call that makes its row: the
// one with the lowest position, whoever's it is. It returns which rows the
// batch's events are to be compared with.
//
// A call that was not read is known by its row, and counts only if it is in the
// log and does make that row.
func (u *subset) settle(ctx context.Context, tx app.Tx, b *batch) (app.Which, error) {
	which := app.Which{People: u.ids(), Ranges: eventlog.Join(b.ranges)}
	fold := b.fold.Fold.(*projections.EventsFold)
	fold.Events = lowest(fold.Events)
	rows, err := u.projection.Tables.Messages.MessageRows(ctx, tx, u.served.ID, messageIDs(fold.Events))
	if err != nil {
		return which, err
	}
	if u.linking != nil && u.replay != nil { // to tell whose the rows are
		for _, row := range rows {
			which.Linked = append(which.Linked, cmp.Or(row.DistinctID, row.AnonymousID))
		}
	}
	kept := fold.Events[:0]
	for _, event := range fold.Events {
		row, ok := rows[event.MessageID]
		if !ok || row.Compare(event.Position) >= 0 {
			kept = append(kept, event)
			continue
		}
		earlier, found, err := u.eventAt(ctx, tx, b, row.Position, event.MessageID)
		if err != nil {
			return which, err
		}
		switch {
		case !found:
			kept = append(kept, event)
		case u.concerns(which, row):
			kept = append(kept, earlier) // what the row should be
		}
	}
	fold.Events, which.Messages = kept, messageIDs(kept)
	return which, nil
}

// lowest puts events in order of position, and keeps the first of each message.
func lowest(events []projections.Event) []projections.Event {
	slices.SortFunc(events, func(a, b projections.Event) int { return a.Position.Compare(b.Position) })
	known := make(map[string]bool, len(events))
	return slices.DeleteFunc(events, func(e projections.Event) bool {
		double := known[e.MessageID]
		known[e.MessageID] = true
		return double
	})
}

func messageIDs(events []projections.Event) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.MessageID
	}
	return ids
}

// concerns tells whether the row is one of those that are compared.
func (u *subset) concerns(which app.Which, row app.MessageRow) bool {
	id := row.DistinctID
	if u.linking != nil {
		id = cmp.Or(id, row.AnonymousID)
	}
	return (u.people == nil || u.people[id]) && slices.ContainsFunc(which.Ranges, func(r eventlog.Range) bool {
		return r.After < row.Offset && row.Offset <= r.UpTo
	})
}

// eventAt returns the event that the call at a position makes, if it makes one
// with that message id.
func (u *subset) eventAt(ctx context.Context, tx app.Tx, b *batch, at eventlog.Position, messageID string) (event projections.Event, found bool, err error) {
	fold := u.projection.Fold()
	r := eventlog.Range{After: at.Offset - 1, UpTo: at.Offset}
	err = u.Log.Read(ctx, tx, r, u.projection.Kinds, func(e *eventlog.Entry) error {
		b.reader.Read(e, b.fold.mappings, fold)
		return nil
	})
	for _, e := range lowest(fold.(*projections.EventsFold).Events) {
		if e.Position == at && e.MessageID == messageID {
			return e, true, err
		}
	}
	return event, false, err
}
