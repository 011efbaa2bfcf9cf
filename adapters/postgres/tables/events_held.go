package tables

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"strings"

	"relay/adapters/postgres"
	"relay/projections"
)

// heldKey is the key under which an event is held: four bytes of zero, then its
// position, which nothing else has. A message id whose hash begins with as many
// zeros is one in four billion, and does no harm.
func heldKey(e *projections.Event) (key messageKey) {
	binary.BigEndian.PutUint64(key[4:], uint64(e.Offset))
	binary.BigEndian.PutUint32(key[12:], uint32(e.Index))
	return key
}

// settleHeldSQL gives held events their own keys. Of those with one message id
// the one with the lowest position stays.
//
// Plan: the few rows by a range of the key's index, then an upsert of each.
const settleHeldSQL = `WITH held AS (
    DELETE FROM relay_store.events_g<generation> WHERE message_key < '00000001-0000-0000-0000-000000000000' AND message_key <> <key>
    RETURNING *, <key> AS key
)
INSERT INTO relay_store.events_g<generation> AS e (message_key, <columns>)
SELECT DISTINCT ON (key) key, <columns> FROM held ORDER BY key, log_offset, log_index
ON CONFLICT (message_key) DO UPDATE SET (<columns>) = ROW(<excluded>)
WHERE (EXCLUDED.log_offset, EXCLUDED.log_index) < (e.log_offset, e.log_index)`

// sqlKey is keyOf in SQL.
const sqlKey = `encode(substring(sha256(convert_to(message_id, 'UTF8')) FOR 16), 'hex')::uuid`

// unkeyedColumns are the columns of events_gN but for the key.
const unkeyedColumns = "log_offset, log_index, occurred_at, received_at, message_id, type, " +
	"event_name, distinct_id, anonymous_id, source, properties"

var excludedColumns = "EXCLUDED." + strings.Join(strings.Split(unkeyedColumns, ", "), ", EXCLUDED.")

// settleHeld settles which of the held events and of those that came before
// them stay. The index of keys must be there.
func settleHeld(ctx context.Context, tx *sql.Tx, generation int64) error {
	settle := postgres.SQL(settleHeldSQL,
		"generation", generation, "key", sqlKey, "columns", unkeyedColumns, "excluded", excludedColumns)
	if _, err := tx.ExecContext(ctx, settle); err != nil {
		return fmt.Errorf("settle which of the events that came twice stay: %w", err)
	}
	return nil
}
