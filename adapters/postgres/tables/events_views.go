package tables

import (
	"context"
	"strings"

	"relay/adapters/postgres"
	"relay/app"
)

// eventColumnList are those of the view, in order; a view can only be replaced by
// one that has the same. Which version made a row follows from where its payload
// stands, so a change that alters no event needs no new rows.
const eventColumnList = `e.log_offset, e.log_index, e.message_id, e.type, e.event_name, <distinct_id>, e.anonymous_id, e.properties, e.occurred_at, e.received_at, e.source,
       (SELECT t.version FROM relay_store.timeline t WHERE t.projection = 'events' AND t.from_offset <= e.log_offset
        ORDER BY t.from_offset DESC LIMIT 1) AS mapping_version`

const eventsView = `
CREATE OR REPLACE VIEW relay.events AS
SELECT <columns of e.distinct_id>
FROM relay_store.events_g%[1]d e`

// eventsJoinedView finds the person of an event when it is read, so that an
// alias or a claim that comes late costs nothing. Each branch has its distinct_id
// from one column, so that a condition on it reaches an index: the events of user
// ids that stand for themselves, those of aliased user ids, and those without a
// userId, where the condition makes an inner join of the outer one.
const eventsJoinedView = `
CREATE OR REPLACE VIEW relay.events AS
SELECT <columns of e.distinct_id>
FROM relay_store.events_g%[1]d e
WHERE e.distinct_id IS NOT NULL AND NOT EXISTS (SELECT FROM relay_store.aliases_g%[1]d a WHERE a.id = e.distinct_id)
UNION ALL
SELECT <columns of a.distinct_id>
FROM relay_store.aliases_g%[1]d a JOIN relay_store.events_g%[1]d e ON e.distinct_id = a.id
UNION ALL
SELECT <columns of c.distinct_id>
FROM relay_store.events_g%[1]d e LEFT JOIN relay_store.claims_g%[1]d c ON c.id = e.anonymous_id
WHERE e.distinct_id IS NULL`

// EventsJoinedIndex finds the events of an anonymous id.
const EventsJoinedIndex = `
CREATE INDEX IF NOT EXISTS events_g%[1]d_anonymous ON relay_store.events_g%[1]d (anonymous_id, occurred_at) WHERE distinct_id IS NULL`

// Join implements app.Rows.
func (Events) Join(ctx context.Context, tx app.Tx, generation int64) ([]string, error) {
	created, err := addLinks(ctx, tx, generation)
	if err != nil || !created {
		return nil, err
	}
	return nil, execFor(ctx, tx, EventsJoinedIndex, generation)
}

// Serve implements app.Views.
func (Events) Serve(ctx context.Context, tx app.Tx, generation int64) error {
	if err := postgres.SetLockTimeout(ctx, tx, postgres.ReadersPatience); err != nil {
		return err
	}
	view := eventsView
	joins, err := JoinsIDs(ctx, tx, generation)
	if joins {
		view = eventsJoinedView
	}
	if err != nil {
		return err
	}
	return execFor(ctx, tx, withColumns(view), generation)
}

// withColumns puts the view's columns in place, with each distinct id.
func withColumns(view string) string {
	for _, id := range []string{"e.distinct_id", "a.distinct_id", "c.distinct_id"} {
		view = strings.ReplaceAll(view, "<columns of "+id+">", strings.ReplaceAll(eventColumnList, "<distinct_id>", id))
	}
	return view
}
