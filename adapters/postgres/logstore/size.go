package logstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// countUpTo is up to how many rows, about, the log is counted; beyond that the
// planner's estimate will do, since counting would take as long as reading.
const countUpTo = 500_000

// Size implements replay.LogSize. The bytes are those of the tables that are read.
func (Reader) Size(ctx context.Context, tx app.Tx, p app.Projection, r eventlog.Range) (rows, bytes int64, err error) {
	rows, err = estimate(ctx, tx, p.Kinds, r)
	if err == nil && rows <= countUpTo {
		err = tx.QueryRowContext(ctx, `SELECT count(*) FROM `+logOf(p.Kinds)+` WHERE "offset" > $1 AND "offset" <= $2 AND (kinds & $3) <> 0`,
			int64(r.After), int64(r.UpTo), int64(p.Kinds)).Scan(&rows)
	}
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT sum(pg_table_size(t)) FROM unnest($1::text[]::regclass[]) t`,
			pq.Array(partitionsOf(p.Kinds))).Scan(&bytes)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("measure the log: %w", err)
	}
	return rows, bytes, nil
}

// estimate asks the planner how many rows of the tables are in the range.
func estimate(ctx context.Context, tx app.Tx, kinds segment.Kinds, r eventlog.Range) (int64, error) {
	var text []byte
	err := tx.QueryRowContext(ctx, postgres.SQL(
		`EXPLAIN (FORMAT JSON) SELECT FROM <log> WHERE "offset" > <after> AND "offset" <= <up_to>`,
		"log", logOf(kinds), "after", int64(r.After), "up_to", int64(r.UpTo))).Scan(&text)
	if err != nil {
		return 0, err
	}
	var plans []struct {
		Plan struct {
			Rows int64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal(text, &plans); err != nil || len(plans) != 1 {
		return 0, fmt.Errorf("read the planner's estimate %.100q: %w", text, err)
	}
	return plans[0].Plan.Rows, nil
}

func partitionsOf(kinds segment.Kinds) []string {
	if logOf(kinds) == "relay.log" {
		return []string{"relay.log_identity", "relay.log_other"}
	}
	return []string{"relay.log_identity"}
}
