package lookupstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/lookup"
	"relay/domain/eventlog"
)

// EventReader implements lookup.EventReader.
type EventReader struct {
	DB *sql.DB
}

var (
	_ lookup.EventReader  = EventReader{}
	_ lookup.ServedEvents = EventReader{}
)

// EventsAt implements lookup.ServedEvents.
func (EventReader) EventsAt(ctx context.Context, tx app.Tx, at eventlog.Offset) ([]lookup.EventRow, error) {
	return readRows[lookup.EventRow](ctx, tx, `SELECT to_jsonb(v) FROM relay.events v WHERE log_offset = $1 ORDER BY log_index`, int64(at))
}

// eventStretch is how many of the last offsets it looks at: an index of stretches
// finds them.
const eventStretch = 50_000

// Names implements lookup.EventReader.
func (r EventReader) Names(ctx context.Context) (list lookup.EventNames, err error) {
	err = postgres.Database(r).InSnapshot(ctx, func(tx app.Tx) error {
		if err := tx.QueryRowContext(ctx, headSQL).Scan(&list.UpTo); err != nil {
			return err
		}
		list.From = max(list.UpTo-eventStretch, 0) + 1
		rows, err := tx.QueryContext(ctx, `SELECT event_name, type, count(*),
       count(*) FILTER (WHERE log_offset <= $2), count(*) FILTER (WHERE log_offset > $2), max(received_at)
FROM relay.events WHERE log_offset >= $1 GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 200`, list.From, (list.From+list.UpTo)/2)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e lookup.EventName
			if err := rows.Scan(&e.Name, &e.Type, &e.Count, &e.Earlier, &e.Later, &e.LastAt); err != nil {
				return err
			}
			list.Names = append(list.Names, e)
		}
		return rows.Err()
	})
	if err != nil {
		return list, fmt.Errorf("read which events there are: %w", err)
	}
	return list, nil
}

const eventPropertiesSQL = `WITH sample AS MATERIALIZED (
    SELECT properties FROM relay.events WHERE log_offset >= $1 AND event_name = $2 LIMIT 500
)
SELECT key, jsonb_typeof(value), count(*), (array_agg(DISTINCT left(value #>> '{}', 60)) FILTER (WHERE jsonb_typeof(value) <> 'null'))[1:3],
       (SELECT count(*) FROM sample)
FROM sample, jsonb_each(properties) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 200`

// Properties implements lookup.EventReader.
func (r EventReader) Properties(ctx context.Context, name string) (list []lookup.EventProperty, looked int64, err error) {
	err = postgres.Database(r).InSnapshot(ctx, func(tx app.Tx) error {
		var head int64
		if err := tx.QueryRowContext(ctx, headSQL).Scan(&head); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, eventPropertiesSQL, head-eventStretch+1, postgres.Storable(name))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var p lookup.EventProperty
			if err := rows.Scan(&p.Key, &p.Type, &p.Count, pq.Array(&p.Examples), &looked); err != nil {
				return err
			}
			list = append(list, p)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the properties of an event: %w", err)
	}
	return list, looked, nil
}
