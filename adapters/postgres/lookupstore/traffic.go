package lookupstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/lookup"
	"relay/domain/segment"
)

// Traffics implements lookup.TrafficReader.
type Traffics struct {
	DB *sql.DB
}

var _ lookup.TrafficReader = Traffics{}

// trafficSQL counts some of the log's rows by their step. What is older falls
// into steps below 0: a condition on the time would have the planner read all
// rows since then.
var trafficSQL = `SELECT floor(extract(epoch FROM l.received_at - $1) / $2)::integer, count(*) * $5
FROM generate_series($3::bigint, $4::bigint, $5::bigint) o JOIN relay.log l ON l."offset" = o
WHERE ` + postgres.HoldsNone("l.kinds", segment.Control) + ` GROUP BY 1`

// Traffic implements lookup.TrafficReader.
func (t Traffics) Traffic(ctx context.Context, last time.Time, step time.Duration, n int) (list []lookup.Traffic, err error) {
	since := last.Add(-time.Duration(n-1) * step)
	for i := range n {
		list = append(list, lookup.Traffic{At: since.Add(time.Duration(i) * step)})
	}
	err = postgres.Database(t).InSnapshot(ctx, func(tx app.Tx) error {
		first, head, err := offsetsSince(ctx, tx, since)
		if err != nil {
			return err
		}
		every := max((head-first)/lookup.ExactTraffic, 1)
		if err := addTraffic(ctx, tx, func(i int, count int64) {
			if 0 <= i && i < n {
				list[i].Payloads = count
			}
		}, trafficSQL, since, step.Seconds(), first, head, every); err != nil {
			return err
		}
		return addTraffic(ctx, tx, func(i int, count int64) {
			if 0 <= i && i < n {
				list[i].Refused = count
			}
		}, `SELECT floor(extract(epoch FROM received_at - $1) / $2)::integer, count(*) FROM relay_store.refused_requests
WHERE received_at >= $1 GROUP BY 1`, since, step.Seconds())
	})
	if err != nil {
		return nil, fmt.Errorf("count what came in: %w", err)
	}
	return list, nil
}

func addTraffic(ctx context.Context, tx *sql.Tx, add func(i int, count int64), query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var count int64
		if err := rows.Scan(&i, &count); err != nil {
			return err
		}
		add(i, count)
	}
	return rows.Err()
}

// offsetsSince returns about the first offset that was received since, and the
// head. Times of receipt nearly grow with the offset, so it halves.
func offsetsSince(ctx context.Context, tx *sql.Tx, since time.Time) (first, head int64, err error) {
	if err := tx.QueryRowContext(ctx, headSQL).Scan(&head); err != nil {
		return 0, 0, err
	}
	low, high := int64(0), head+1 // what came before low is older, what comes from high on is not
	for low+1 < high {
		middle := (low + high) / 2
		var received time.Time
		err := tx.QueryRowContext(ctx, `SELECT received_at FROM relay.log WHERE "offset" >= $1 ORDER BY "offset" LIMIT 1`, middle).Scan(&received)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, 0, err
		}
		if err == nil && received.Before(since) {
			low = middle
		} else {
			high = middle
		}
	}
	return high, head, nil
}
