package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"relay/app"
)

// PeopleReader implements app.PeopleReader.
type PeopleReader struct {
	DB *sql.DB
}

var _ app.PeopleReader = PeopleReader{}

const hitColumns = `SELECT p.distinct_id, coalesce(p.properties ->> 'name', ''), coalesce(p.channels -> 'email' ->> -1, ''), p.last_identified_at FROM relay.profiles p `

// Ids are found by an index. Values are not in one: these read people until
// enough are found, or the time is over.
const (
	byIDSQL       = hitColumns + `WHERE p.distinct_id >= $1 AND p.distinct_id < $1 || chr(1114111) ORDER BY p.distinct_id LIMIT $2`
	byPropertySQL = hitColumns + `WHERE p.properties ->> $1 = $3 OR p.properties #>> string_to_array($1, '.') = $3 LIMIT $2`
	byValueSQL    = hitColumns + `WHERE jsonb_path_exists(p.channels, '$.*[*] ? (@ == $v)', jsonb_build_object('v', $1::text))
   OR jsonb_path_exists(p.properties, '$.* ? (@ == $v)', jsonb_build_object('v', $1::text)) LIMIT $2`
)

// searchPatience is how long a search by value may take, in milliseconds.
const searchPatience = 3000

// Search implements app.PeopleReader.
func (p PeopleReader) Search(ctx context.Context, text string, limit int) (found app.PersonSearch, err error) {
	text = storable(text)
	err = Database(p).InSnapshot(ctx, func(tx app.Tx) error {
		var joined string
		if err := tx.QueryRowContext(ctx, personSQL, text).Scan(&joined); err == nil && joined != text {
			if err := addHits(ctx, tx, &found, hitColumns+`WHERE p.distinct_id = $1 LIMIT $2`, joined, limit); err != nil {
				return err
			}
		} else if err != nil && err != sql.ErrNoRows {
			return err
		}
		if err := addHits(ctx, tx, &found, byIDSQL, text, limit); err != nil {
			return err
		}
		if len(found.People) > 0 {
			return nil // what is an id is meant as one; values are slow to find
		}
		return searchValues(ctx, tx, &found, text, limit)
	})
	if err != nil {
		return found, fmt.Errorf("search people: %w", err)
	}
	return found, nil
}

func searchValues(ctx context.Context, tx *sql.Tx, found *app.PersonSearch, text string, limit int) error {
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", searchPatience)); err != nil {
		return err
	}
	before := len(found.People)
	err := try(ctx, tx, func() error {
		if key, value, is := strings.Cut(text, "="); is {
			return addHits(ctx, tx, found, byPropertySQL, key, limit, value)
		}
		return addHits(ctx, tx, found, byValueSQL, text, limit)
	})
	if hasCode(err, codeQueryCanceled) && ctx.Err() == nil {
		found.People, found.CutShort = found.People[:before], true
		return nil
	}
	return err
}

// addHits adds people that are not among the found ones.
func addHits(ctx context.Context, tx *sql.Tx, found *app.PersonSearch, query, text string, limit int, more ...any) error {
	rows, err := tx.QueryContext(ctx, query, append([]any{text, limit}, more...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	known := map[string]bool{}
	for _, hit := range found.People {
		known[hit.ID] = true
	}
	for rows.Next() {
		var hit app.PersonHit
		if err := rows.Scan(&hit.ID, &hit.Name, &hit.Email, &hit.LastIdentifiedAt); err != nil {
			return err
		}
		if !known[hit.ID] && len(found.People) < limit {
			found.People = append(found.People, hit)
		}
	}
	return rows.Err()
}
