package tables

import (
	"context"
	"fmt"
	"slices"

	"relay/app"
)

// showOwners makes rows that are on one side only what people see there: with
// the person that the event belongs to, and without what nobody sees.
func showOwners(ctx context.Context, tx app.Tx, rows []app.Difference, served, rebuilt int64) error {
	for generation, text := range map[int64]func(*app.Difference) *string{
		served:  func(d *app.Difference) *string { return &d.Served },
		rebuilt: func(d *app.Difference) *string { return &d.Rebuilt },
	} {
		var shown []*string
		for i := range rows {
			if row := text(&rows[i]); *row != "" && !isBoth(rows[i]) {
				shown = append(shown, row)
			}
		}
		if err := showOwner(ctx, tx, generation, shown); err != nil {
			return fmt.Errorf("read whose the events are: %w", err)
		}
	}
	return nil
}

// showOwner does so for a generation's rows, in their place.
func showOwner(ctx context.Context, tx app.Tx, generation int64, events []*string) error {
	relation, _, err := ownedEvents(ctx, tx, generation)
	if err != nil {
		return err
	}
	for _, event := range events { // ten at most
		err := tx.QueryRowContext(ctx, `SELECT (r.event - 'message_key' || jsonb_build_object('distinct_id', e.distinct_id))::text
FROM (SELECT $1::jsonb) AS r(event) JOIN `+relation+` e ON e.message_key = (r.event ->> 'message_key')::uuid`, *event).Scan(event)
		if err != nil {
			return err
		}
	}
	return nil
}

// both returns the rows that are on both sides.
func both(rows []app.Difference) []app.Difference {
	return slices.DeleteFunc(slices.Clone(rows), func(d app.Difference) bool { return !isBoth(d) })
}

func isBoth(d app.Difference) bool { return d.Served != "" && d.Rebuilt != "" }
