package tables

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/projections"
)

// Events keeps the table of the events projection, events_gN.
//
// message_key stands for message_id where rows must be unique: the first half
// of its SHA-256. A message_id may be longer than an index can hold, and the key
// makes the index a third of the size.
type Events struct {
	DB *sql.DB // for loading
}

// eventsProjection is the events projection as it is kept in db.
func eventsProjection(db *sql.DB) app.Projection {
	return app.Projection{
		Name: projections.Events, Kinds: projections.EventsKinds, PerCall: true, Joins: true,
		NewFold: func([]string) projections.Fold { return projections.NewEventsFold() },
		NewTables: func([]string) app.Tables { // there is one part
			e := Events{DB: db}
			return app.Tables{Schema: e, Rows: e, Loading: e, Views: e, Comparing: e, Sampling: e, Messages: e}
		},
		Depends: projections.EventsDepend,
	}.Only([]string{projections.PartEvents})
}

// eventsColumns is how many columns eventsDDL has; addEvent fills them.
const eventsColumns = 12

const eventsDDL = `
CREATE TABLE relay_store.events_g<generation> (
    log_offset      bigint           NOT NULL,
    log_index       integer          NOT NULL,
    message_key     uuid             NOT NULL,
    occurred_at     timestamptz      NOT NULL,
    received_at     timestamptz      NOT NULL,
    message_id      text COLLATE "C" NOT NULL,
    type            text COLLATE "C" NOT NULL,
    event_name      text COLLATE "C" NOT NULL,
    distinct_id     text COLLATE "C",
    anonymous_id    text COLLATE "C",
    source          text COLLATE "C" NOT NULL,
    properties      jsonb            NOT NULL
)`

// eventsIndexes: one message makes one row; a person's events in order; and,
// since rows come about in order of receipt, ranges of time and of the log.
const (
	eventsMessageIndex = `
CREATE UNIQUE INDEX IF NOT EXISTS events_g<generation>_message ON relay_store.events_g<generation> (message_key)`
	eventsPersonIndex = `
CREATE INDEX IF NOT EXISTS events_g<generation>_person ON relay_store.events_g<generation> (distinct_id, occurred_at)
WHERE distinct_id IS NOT NULL`
	eventsLogIndex = `
CREATE INDEX IF NOT EXISTS events_g<generation>_log ON relay_store.events_g<generation> USING brin (log_offset, received_at)
WITH (pages_per_range = 32, autosummarize = on)`
	eventsAnalyze = `ANALYZE relay_store.events_g<generation>`
)

const eventsDrop = `DROP TABLE IF EXISTS relay_store.events_g<generation>; ` + loadedDrop + `; ` + linksDrop

const eventsComments = `
COMMENT ON VIEW relay.events IS 'One row for each call that the mapping turns into an event';
COMMENT ON COLUMN relay.events.log_offset IS 'log offset of the payload';
COMMENT ON COLUMN relay.events.log_index IS 'index of the call in its payload, from 0';
COMMENT ON COLUMN relay.events.message_id IS 'messageId of the call, or log:OFFSET:INDEX for a call without one; unique';
COMMENT ON COLUMN relay.events.type IS 'track, page or screen';
COMMENT ON COLUMN relay.events.event_name IS 'name of the event, after the prefix of the mapping';
COMMENT ON COLUMN relay.events.distinct_id IS
'userId of the call, null without one; under identity: join, the distinct_id of the person behind the userId or anonymousId';
COMMENT ON COLUMN relay.events.anonymous_id IS 'anonymousId of the call; null without one';
COMMENT ON COLUMN relay.events.properties IS 'properties of the call, as they came';
COMMENT ON COLUMN relay.events.occurred_at IS 'when it happened: the call''s time, corrected for clock skew, never later than received_at';
COMMENT ON COLUMN relay.events.received_at IS 'when relay received the request';
COMMENT ON COLUMN relay.events.source IS 'name of the API key that the payload was sent with';
COMMENT ON COLUMN relay.events.mapping_version IS 'number of the mapping version that made the row'`

// Adopt implements app.Schema: there is nothing that a generation was not built
// with.
func (Events) Adopt(context.Context, app.Tx, int64, int64) error { return nil }

// Create implements app.Schema.
func (Events) Create(ctx context.Context, tx app.Tx, generation int64, joined bool) error {
	tables := eventsDDL + ";" + postgres.SQL(noAutovacuum, "table", projections.Events, "generation", generation) + ";" + loadedDDL
	if joined {
		tables += ";" + linksDDL + ";" + loadedLinksDDL
	}
	return execFor(ctx, tx, tables, generation)
}

// Index implements app.Schema.
func (Events) Index(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, eventsMessageIndex+";"+eventsPersonIndex+";"+eventsLogIndex+";"+eventsAnalyze, generation)
}

// Describe implements app.Views.
func (Events) Describe(ctx context.Context, tx app.Tx) error {
	_, err := tx.ExecContext(ctx, eventsComments)
	return err
}

// Drop implements app.Schema.
func (Events) Drop(ctx context.Context, tx app.Tx, generation int64) error {
	if err := postgres.SetLockTimeout(ctx, tx, postgres.DropPatience); err != nil {
		return err
	}
	return execFor(ctx, tx, eventsDrop, generation)
}

// Merge implements app.Rows. The fold's events stand in order of position, so
// of several with one message id the lowest comes first and stays.
func (Events) Merge(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold) error {
	f := fold.(*projections.EventsFold)
	if err := writeEvents(ctx, tx, generation, f.Events, messageKeys(f.Events), "ON CONFLICT (message_key) DO NOTHING"); err != nil {
		return err
	}
	links := linkTables{tx: tx, generation: generation, contributes: "false"}
	return links.merge(ctx, f.Links)
}

// writeEvents inserts the events under their keys, in as many statements as it
// takes.
func writeEvents(ctx context.Context, tx *sql.Tx, generation int64, events []projections.Event, keys []messageKey, conflict string) error {
	rows := wire.NewRowWriter(tx, tableOf("events", generation), eventsColumns, conflict)
	defer rows.Close()
	for i := range events {
		addEvent(rows, &events[i], keys[i])
		if !rows.Full() && i+1 < len(events) {
			continue
		}
		if err := rows.Insert(ctx); err != nil {
			return fmt.Errorf("write events up to log offset %d: %w", events[i].Offset, err)
		}
	}
	return nil
}

func addEvent(r *wire.RowWriter, e *projections.Event, key messageKey) {
	r.Begin()
	r.Int8(int64(e.Offset))
	r.Int4(e.Index)
	r.UUID(key)
	r.Instant(e.OccurredAt)
	r.Instant(e.ReceivedAt)
	r.Text(e.MessageID)
	r.Text(e.Type)
	r.Text(e.Name)
	r.OrNull(e.DistinctID)
	r.OrNull(e.AnonymousID)
	r.Text(e.Source)
	r.JSON(e.Properties)
	r.End()
}

// messageKey stands for a message id where rows must be unique.
type messageKey [16]byte

func keyOf(messageID string) (key messageKey) {
	sum := sha256.Sum256([]byte(messageID))
	copy(key[:], sum[:])
	return key
}

func messageKeys(events []projections.Event) []messageKey {
	keys := make([]messageKey, len(events))
	for i := range events {
		keys[i] = keyOf(events[i].MessageID)
	}
	return keys
}
