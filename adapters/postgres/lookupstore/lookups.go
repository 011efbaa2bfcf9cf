package lookupstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"relay/adapters/postgres"
	"relay/app/lookup"
)

// People looks up persons.
type People struct {
	DB *sql.DB
}

// Person is everything that the views say of a person.
type Person struct {
	Profile  json.RawMessage   `json:"profile"`
	Channels []json.RawMessage `json:"profile_channels"`
	Events   []json.RawMessage `json:"last_events"`
}

// personSQL finds whom an id stands for: a person of that distinct id, or else
// whomever the id was joined to.
const personSQL = `SELECT distinct_id FROM (
    SELECT 1 AS place, distinct_id FROM relay.profiles WHERE distinct_id = $1
    UNION ALL SELECT CASE kind WHEN 'user' THEN 2 ELSE 3 END, distinct_id FROM relay.identities WHERE id = $1
) found ORDER BY place LIMIT 1`

// Show returns the rows of the person who has the id, and their last 20 events.
func (p People) Show(ctx context.Context, id string) (person Person, err error) {
	err = postgres.Database(p).InSnapshot(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, personSQL, id).Scan(&id)
		if err == nil {
			err = tx.QueryRowContext(ctx, `SELECT to_jsonb(p) FROM relay.profiles p WHERE distinct_id = $1`, id).Scan(&person.Profile)
		}
		if err != nil {
			return fmt.Errorf("profile %q: %w", id, postgres.Translate(err))
		}
		person.Channels, err = postgres.ReadJSON(ctx, tx, `SELECT to_jsonb(c) - 'distinct_id' FROM relay.profile_channels c
WHERE distinct_id = $1 ORDER BY channel, first_seen_at, value`, id)
		if err != nil {
			return err
		}
		person.Events, err = postgres.ReadJSON(ctx, tx, `SELECT to_jsonb(e) - 'distinct_id' FROM relay.events e
WHERE distinct_id = $1 ORDER BY occurred_at DESC, log_offset DESC, log_index DESC LIMIT 20`, id)
		return err
	})
	return person, err
}

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
