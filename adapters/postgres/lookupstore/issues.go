package lookupstore

import (
	"context"
	"database/sql"
	"fmt"

	"relay/app/lookup"
)

// IssueList implements lookup.IssueReader.
type IssueList struct {
	DB *sql.DB
}

var _ lookup.IssueReader = IssueList{}

// Issues implements lookup.IssueReader.
func (l IssueList) Issues(ctx context.Context) ([]lookup.IgnoredIssue, error) {
	rows, err := l.DB.QueryContext(ctx, `SELECT code, source, detail, count, first_seen_at, last_seen_at, example_offset
FROM relay.issues ORDER BY count DESC, code, source, detail`)
	if err != nil {
		return nil, fmt.Errorf("read the issues: %w", err)
	}
	defer rows.Close()
	list := []lookup.IgnoredIssue{}
	for rows.Next() {
		var i lookup.IgnoredIssue
		if err := rows.Scan(&i.Code, &i.Source, &i.Detail, &i.Count, &i.FirstSeenAt, &i.LastSeenAt, &i.ExampleOffset); err != nil {
			return nil, fmt.Errorf("read the issues: %w", err)
		}
		list = append(list, i)
	}
	return list, rows.Err()
}
