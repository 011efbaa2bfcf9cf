package sample

import (
	"cmp"
	"context"
	"slices"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// resolveMessageIDs keeps, for every message id of a batch, the row of the call with
// the lowest position, whoever made the call. It returns which of the served rows the
// batch's rows are compared with.
//
// If the row of a message id comes from a call outside the batch, that call wins only
// if the log still holds it and it still makes that row.
func (u *subset) resolveMessageIDs(ctx context.Context, tx app.Tx, b *batch) (app.Which, error) {
	which := app.Which{People: u.ids(), Ranges: eventlog.Join(b.ranges)}
	fold, ok := b.rebuilt.fold.(projections.ByMessage)
	if !ok {
		return which, nil
	}
	messages := fold.Messages()
	rows, err := u.projection.Tables.Messages.MessageRows(ctx, tx, u.served.ID, messageIDs(messages))
	if err != nil {
		return which, err
	}
	if u.linking != nil && u.change != nil { // to find whose the rows are
		for _, row := range rows {
			which.Linked = append(which.Linked, cmp.Or(row.DistinctID, row.AnonymousID))
		}
	}
	drop := map[string]bool{}
	for _, m := range messages {
		row, ok := rows[m.ID]
		if !ok || row.Compare(m.At) >= 0 {
			continue
		}
		entry, err := u.foldEntry(ctx, tx, b, row.Offset)
		if err != nil {
			return which, err
		}
		earlier := fold.Take(entry, projections.Message{ID: m.ID, At: row.Position})
		drop[m.ID] = earlier && !u.concerns(which, row)
	}
	fold.Drop(drop)
	which.Messages = messageIDs(fold.Messages())
	return which, nil
}

func messageIDs(messages []projections.Message) []string {
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}

// concerns reports whether the row is one of those that are compared.
func (u *subset) concerns(which app.Which, row app.MessageRow) bool {
	id := row.DistinctID
	if u.linking != nil {
		id = cmp.Or(id, row.AnonymousID)
	}
	return (u.people == nil || u.people[id]) && slices.ContainsFunc(which.Ranges, func(r eventlog.Range) bool {
		return r.After < row.Offset && row.Offset <= r.UpTo
	})
}

// foldEntry folds one entry of the log, if the log still holds it.
func (u *subset) foldEntry(ctx context.Context, tx app.Tx, b *batch, at eventlog.Offset) (projections.Fold, error) {
	fold := u.projection.Fold()
	err := u.store.Log.Read(ctx, tx, eventlog.Range{After: at - 1, UpTo: at}, u.projection.Kinds, func(e *eventlog.Entry) error {
		b.reader.Read(e, b.rebuilt.mappings, fold)
		return nil
	})
	return fold, err
}
