package tables

import (
	"context"

	"relay/adapters/postgres"
	"relay/app"
)

// eventColumnList are those of the view, in order; a view can only be replaced by
// one that has the same. Which version made a row follows from where its payload
// stands, so a change that alters no event needs no new rows.
const eventColumnList = `e.log_offset, e.log_index, e.message_id, e.type, e.event_name, <distinct_id>, e.anonymous_id,
       e.properties, e.occurred_at, e.received_at, e.source,
       (SELECT t.version FROM relay_store.timeline t WHERE t.projection = 'events' AND t.from_offset <= e.log_offset
        ORDER BY t.from_offset DESC LIMIT 1) AS mapping_version`

// eventColumns are the view's columns, with a distinct id.
func eventColumns(id string) string { return postgres.SQL(eventColumnList, "distinct_id", id) }

var eventsView = `
CREATE OR REPLACE VIEW relay.events AS
SELECT ` + eventColumns("e.distinct_id") + `
FROM relay_store.events_g<generation> e`

// eventsJoinedView finds the person of an event when it is read, so that an
// alias or a claim that comes late costs nothing. Each branch has its distinct_id
// from one column, so that a condition on it reaches an index: the events of user
// ids that stand for themselves, those of aliased user ids, and those without a
// userId, where the condition makes an inner join of the outer one.
var eventsJoinedView = `
CREATE OR REPLACE VIEW relay.events AS
SELECT ` + eventColumns("e.distinct_id") + `
FROM relay_store.events_g<generation> e
WHERE e.distinct_id IS NOT NULL AND NOT EXISTS (SELECT FROM relay_store.aliases_g<generation> a WHERE a.id = e.distinct_id)
UNION ALL
SELECT ` + eventColumns("a.distinct_id") + `
FROM relay_store.aliases_g<generation> a JOIN relay_store.events_g<generation> e ON e.distinct_id = a.id
UNION ALL
SELECT ` + eventColumns("c.distinct_id") + `
FROM relay_store.events_g<generation> e LEFT JOIN relay_store.claims_g<generation> c ON c.id = e.anonymous_id
WHERE e.distinct_id IS NULL`

// EventsJoinedIndex finds the events of an anonymous id.
const EventsJoinedIndex = `
CREATE INDEX IF NOT EXISTS events_g<generation>_anonymous ON relay_store.events_g<generation> (anonymous_id, occurred_at)
WHERE distinct_id IS NULL`

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
	return execFor(ctx, tx, view, generation)
}
