package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

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

var _ app.Tables = Events{}

const eventsDDL = `
CREATE TABLE relay_store.events_g%[1]d (
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
const eventsIndexes = `
CREATE UNIQUE INDEX IF NOT EXISTS events_g%[1]d_message ON relay_store.events_g%[1]d (message_key);
CREATE INDEX IF NOT EXISTS events_g%[1]d_person ON relay_store.events_g%[1]d (distinct_id, occurred_at) WHERE distinct_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_g%[1]d_log ON relay_store.events_g%[1]d USING brin (log_offset, received_at) WITH (pages_per_range = 32, autosummarize = on);
ANALYZE relay_store.events_g%[1]d`

const eventsDrop = `DROP TABLE IF EXISTS relay_store.events_g%[1]d; ` + loadedDrop + `; ` + linksDrop

const eventsComments = `
COMMENT ON VIEW relay.events IS 'A row for each call that the mapping makes an event';
COMMENT ON COLUMN relay.events.log_offset IS 'where the payload stands in the log';
COMMENT ON COLUMN relay.events.log_index IS 'the call''s place in its payload, from 0';
COMMENT ON COLUMN relay.events.message_id IS 'the call''s messageId, or log:OFFSET:INDEX where it has none; unique';
COMMENT ON COLUMN relay.events.type IS 'track, page or screen';
COMMENT ON COLUMN relay.events.event_name IS 'the mapping''s prefix and the event''s name';
COMMENT ON COLUMN relay.events.distinct_id IS 'the userId, null without one; where the mapping joins ids, the id of the person that it stands for, or of the one who owns the anonymous_id';
COMMENT ON COLUMN relay.events.anonymous_id IS 'the anonymousId; null without one';
COMMENT ON COLUMN relay.events.properties IS 'the call''s properties as they came';
COMMENT ON COLUMN relay.events.occurred_at IS 'when it happened: the call''s time, corrected for clock skew, never later than received_at';
COMMENT ON COLUMN relay.events.received_at IS 'when relay received the request';
COMMENT ON COLUMN relay.events.source IS 'name of the API key';
COMMENT ON COLUMN relay.events.mapping_version IS 'the mapping version under which the row was made'`

// Only implements app.Tables: there is one part.
func (e Events) Only([]string) app.Tables { return e }

// Adopt implements app.Tables: there is nothing that a generation was not built
// with.
func (Events) Adopt(context.Context, app.Tx, int64, int64) error { return nil }

// Create implements app.Tables.
func (Events) Create(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, eventsDDL+";"+loadedDDL, generation)
}

// Index implements app.Tables.
func (Events) Index(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, eventsIndexes, generation)
}

// Describe implements app.Tables.
func (Events) Describe(ctx context.Context, tx app.Tx) error {
	_, err := tx.ExecContext(ctx, eventsComments)
	return err
}

// Drop implements app.Tables.
func (Events) Drop(ctx context.Context, tx app.Tx, generation int64) error {
	if err := setLockTimeout(ctx, tx, readersPatience); err != nil {
		return err
	}
	return execFor(ctx, tx, eventsDrop, generation)
}

const writeEventsSQL = `INSERT INTO relay_store.events_g%[1]d (log_offset, log_index, message_key, occurred_at, received_at,
    message_id, type, event_name, distinct_id, anonymous_id, source, properties)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::uuid[], $4::timestamptz[], $5::timestamptz[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::jsonb[])`

// Merge implements app.Tables. The fold's events stand in order of position, so
// of several with one message id the lowest comes first and stays.
func (Events) Merge(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold) error {
	f := fold.(*projections.EventsFold)
	if err := writeEvents(ctx, tx, fmt.Sprintf(writeEventsSQL, generation)+` ON CONFLICT (message_key) DO NOTHING`, f.Events, nil); err != nil {
		return err
	}
	links := linkTables{tx: tx, generation: generation, contributes: "false"}
	return links.merge(ctx, f.Links)
}

// writeEvents runs the statement on the events, in as many parts as it takes.
// note, if any, is told of every event's message key.
func writeEvents(ctx context.Context, tx *sql.Tx, statement string, events []projections.Event, note func(messageKey)) error {
	for len(events) > 0 {
		columns := newColumns(oidInt8, oidInt4, oidUUID, oidTimestamptz, oidTimestamptz,
			oidText, oidText, oidText, oidText, oidText, oidText, oidJSONB)
		n := 0
		for n < len(events) && len(columns[11].data) < maxStatement {
			key := keyOf(events[n].MessageID)
			if note != nil {
				note(key)
			}
			addEvent(columns, &events[n], key)
			n++
		}
		if _, err := tx.ExecContext(ctx, statement, arguments(columns)...); err != nil {
			return fmt.Errorf("write events from log offset %d on: %w", events[0].Offset, err)
		}
		events = events[n:]
	}
	return nil
}

func addEvent(c []*column, e *projections.Event, key messageKey) {
	c[0].int8(int64(e.Offset))
	c[1].int4(e.Index)
	c[2].bytes(key[:])
	c[3].instant(e.OccurredAt)
	c[4].instant(e.ReceivedAt)
	c[5].text(e.MessageID)
	c[6].text(e.Type)
	c[7].text(e.Name)
	c[8].orNull(e.DistinctID)
	c[9].orNull(e.AnonymousID)
	c[10].text(e.Source)
	c[11].json(e.Properties)
}

// messageKey stands for a message id where rows must be unique.
type messageKey [16]byte

func keyOf(messageID string) (key messageKey) {
	sum := sha256.Sum256([]byte(messageID))
	copy(key[:], sum[:])
	return key
}
