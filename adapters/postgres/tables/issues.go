package tables

import (
	"context"
	"fmt"
	"time"

	"relay/app"
	"relay/domain/segment"
	"relay/projections"
)

// Issues implements app.Generations.
func (Generations) Issues(ctx context.Context, tx app.Tx, id int64) (projections.Issues, error) {
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

// SetIssues implements app.Generations.
func (g Generations) SetIssues(ctx context.Context, tx app.Tx, id int64, issues projections.Issues) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM relay_store.issues WHERE generation = $1 AND code <> $2`, id, projections.Unstorable)
	if err == nil {
		err = g.AddIssues(ctx, tx, id, issues)
	}
	if err != nil {
		return fmt.Errorf("replace the issues of generation %d: %w", id, err)
	}
	return nil
}
