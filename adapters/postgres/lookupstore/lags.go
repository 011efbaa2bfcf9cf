package lookupstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relay/adapters/postgres"
	"relay/app"
)

// Lags implements app.LagStore, app.LagReader and app.Expiring.
type Lags struct {
	DB *sql.DB
}

var (
	_ app.LagStore  = Lags{}
	_ app.LagReader = Lags{}
	_ app.Expiring  = Lags{}
)

// Save implements app.LagStore. Of several processes that serve, the greatest lag
// counts.
func (l Lags) Save(ctx context.Context, minute time.Time, lag time.Duration) error {
	_, err := l.DB.ExecContext(ctx, `INSERT INTO relay_store.live_lag AS l (minute, seconds) VALUES ($1, $2)
ON CONFLICT (minute) DO UPDATE SET seconds = excluded.seconds WHERE excluded.seconds > l.seconds`, minute, lag.Seconds())
	return err
}

// Lags implements app.LagReader.
func (l Lags) Lags(ctx context.Context, last time.Time, step time.Duration, n int) ([]app.Lag, error) {
	since := last.Add(-time.Duration(n-1) * step)
	list := make([]app.Lag, n)
	for i := range list {
		list[i].At = since.Add(time.Duration(i) * step)
	}
	rows, err := l.DB.QueryContext(ctx, `SELECT floor(extract(epoch FROM minute - $1) / $2)::integer, max(seconds)
FROM relay_store.live_lag WHERE minute >= $1 AND minute < $3 GROUP BY 1`, since, step.Seconds(), last.Add(step))
	if err != nil {
		return nil, fmt.Errorf("read how far projections were behind: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var seconds float64
		if err := rows.Scan(&i, &seconds); err != nil {
			return nil, err
		}
		if 0 <= i && i < n {
			list[i].Served, list[i].Most = true, time.Duration(seconds*float64(time.Second))
		}
	}
	return list, rows.Err()
}

// DeleteBefore implements app.Expiring.
func (l Lags) DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error) {
	return postgres.DeleteBefore(ctx, l.DB, "relay_store.live_lag", "minute", t, limit)
}
