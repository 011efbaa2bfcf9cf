package tables

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/app/erasure"
	"relay/app/live"
	"relay/app/replay"
	"relay/domain/segment"
	"relay/projections"
)

// Issues keeps what the folds of generations ignored, in relay_store.issues.
type Issues struct{}

var (
	_ live.IssueAdder = Issues{}
	_ erasure.Issues  = Issues{}
	_ replay.Issues   = Issues{}
)

// ReadIssues implements erasure.Issues.
func (Issues) ReadIssues(ctx context.Context, tx app.Tx, id int64) (projections.Issues, error) {
	rows, err := tx.QueryContext(ctx, `SELECT code, source, detail, count, first_seen_at, last_seen_at, example_offset
FROM relay_store.issues WHERE generation = $1 AND code <> $2`, id, projections.Unstorable)
	if err != nil {
		return nil, fmt.Errorf("read the issues of generation %d: %w", id, err)
	}
	defer rows.Close()
	issues := projections.Issues{}
	for rows.Next() {
		var key projections.IssueKey
		var i projections.Issue
		var first, last time.Time
		if err := rows.Scan(&key.Code, &key.Source, &key.Detail, &i.Count, &first, &last, &i.Example); err != nil {
			return nil, fmt.Errorf("read the issues of generation %d: %w", id, err)
		}
		i.First, i.Last = segment.InstantOf(first), segment.InstantOf(last)
		issues[key] = i
	}
	return issues, rows.Err()
}

// SetIssues implements erasure.Issues and replay.Issues.
func (s Issues) SetIssues(ctx context.Context, tx app.Tx, id int64, issues projections.Issues) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM relay_store.issues WHERE generation = $1 AND code <> $2`, id, projections.Unstorable)
	if err == nil {
		err = s.AddIssues(ctx, tx, id, issues)
	}
	return failed(err, "replace the issues of generation %d", id)
}

// ClearIssues implements replay.Issues.
func (Issues) ClearIssues(ctx context.Context, tx app.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM relay_store.issues WHERE generation = $1`, id)
	return failed(err, "clear the issues of generation %d", id)
}

const addIssuesSQL = `INSERT INTO relay_store.issues AS i
    (generation, code, source, detail, count, first_seen_at, last_seen_at, example_offset)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::bigint[])
ON CONFLICT (generation, code, source, detail) DO UPDATE SET count = i.count + excluded.count,
    first_seen_at = least(i.first_seen_at, excluded.first_seen_at), last_seen_at = greatest(i.last_seen_at, excluded.last_seen_at),
    example_offset = least(i.example_offset, excluded.example_offset)`

// AddIssues implements live.IssueAdder.
func (Issues) AddIssues(ctx context.Context, tx app.Tx, id int64, issues projections.Issues) error {
	if len(issues) == 0 {
		return nil
	}
	c := wire.NewColumns(wire.OIDText, wire.OIDText, wire.OIDText, wire.OIDInt8, wire.OIDTimestamptz, wire.OIDTimestamptz, wire.OIDInt8)
	for key, issue := range issues {
		c[0].Text(key.Code)
		c[1].Text(key.Source)
		c[2].Text(key.Detail)
		c[3].Int8(issue.Count)
		c[4].Instant(issue.First)
		c[5].Instant(issue.Last)
		c[6].Int8(int64(issue.Example))
	}
	_, err := tx.ExecContext(ctx, addIssuesSQL, append([]any{id}, wire.Arguments(c)...)...)
	return err
}

// IssuesByCode implements replay.Issues.
func (Issues) IssuesByCode(ctx context.Context, tx app.Tx, id int64, codes []string) ([]app.Count, error) {
	return counts(ctx, tx, `SELECT code, sum(count)::bigint FROM relay_store.issues
WHERE generation = $1 AND ($2::text[] IS NULL OR code = ANY ($2)) GROUP BY code ORDER BY 2 DESC, 1`, id, pq.Array(codes))
}

// CompareIssues implements replay.Issues.
func (Issues) CompareIssues(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	issues := func(generation int64) string {
		return postgres.SQL(`(SELECT concat_ws(' / ', code, source, detail) AS key, count, first_seen_at, last_seen_at, example_offset
FROM relay_store.issues WHERE generation = <generation>)`, "generation", generation)
	}
	p := pair{
		keyed: keyed{name: "issues", key: "key", id: "key"}, served: issues(served), rebuilt: issues(rebuilt),
		fields: []field{{name: "count"}, {name: "first_seen_at"}, {name: "last_seen_at"}, {name: "example_offset"}},
	}
	found, err := p.differences(ctx, tx, limit)
	return found.rows, int(found.total), err
}
