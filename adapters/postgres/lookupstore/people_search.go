package lookupstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/lookup"
	"relay/domain/profile"
)

const hitColumns = `SELECT p.distinct_id, coalesce(p.properties ->> 'name', ''),
       coalesce(p.channels -> 'email' ->> -1, ''), p.last_identified_at
FROM relay.profiles p `

// Ids and values of channels are found by indexes. Properties are in none: they
// are read of everybody until enough are found, or the time is over.
const (
	byIDSQL       = hitColumns + `WHERE p.distinct_id >= $1 AND p.distinct_id < $1 || chr(1114111) ORDER BY p.distinct_id LIMIT $2`
	byPropertySQL = hitColumns + `WHERE p.properties ->> $1 = $3 OR p.properties #>> string_to_array($1, '.') = $3 LIMIT $2`
	byValueSQL    = hitColumns + `WHERE jsonb_path_exists(p.properties, '$.* ? (@ == $v)', jsonb_build_object('v', $1::text)) LIMIT $2`
)

// How long a search may read everybody, in milliseconds, where it was not asked
// to go through all of them, and where it was.
const (
	briefPatience = 60
	longPatience  = 30_000
)

// Search implements lookup.PeopleReader.
func (p People) Search(ctx context.Context, text string, limit int, everybody bool) (found lookup.PersonSearch, err error) {
	text = postgres.Storable(text)
	patience := briefPatience
	if everybody {
		patience = longPatience
	}
	err = postgres.Database(p).InSnapshot(ctx, func(tx app.Tx) error {
		if err := addByID(ctx, tx, &found, text, limit); err != nil {
			return err
		}
		if err := addByChannel(ctx, tx, &found, text, limit, patience); err != nil {
			return err
		}
		if len(found.People) > 0 && !everybody {
			return nil // what is an id or an address is meant as one
		}
		if err := addAnonymous(ctx, tx, &found, text, limit, patience); err != nil {
			return err
		}
		return addByProperty(ctx, tx, &found, text, limit, patience)
	})
	if err != nil {
		return found, fmt.Errorf("search people: %w", err)
	}
	return found, nil
}

// addByID adds the user whom the id stands for, and users whose ids begin with it.
func addByID(ctx context.Context, tx *sql.Tx, found *lookup.PersonSearch, id string, limit int) error {
	var user string
	err := tx.QueryRowContext(ctx, userSQL, id).Scan(&user)
	if err == nil {
		err = addPerson(ctx, tx, found, user, limit)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return addHits(ctx, tx, found, byIDSQL, id, limit)
}

// addPerson adds a person, who may have no profile.
func addPerson(ctx context.Context, tx *sql.Tx, found *lookup.PersonSearch, id string, limit int) error {
	before := len(found.People)
	err := addHits(ctx, tx, found, hitColumns+`WHERE p.distinct_id = $1 LIMIT $2`, id, limit)
	if err == nil && len(found.People) == before {
		found.People = append(found.People, lookup.PersonHit{ID: id})
	}
	return err
}

// addAnonymous adds the anonymous id that the text is, if it belongs to nobody.
func addAnonymous(ctx context.Context, tx *sql.Tx, found *lookup.PersonSearch, text string, limit, patience int) error {
	if text == "" || len(found.People) >= limit {
		return nil
	}
	return inTime(ctx, tx, found, patience, func() error {
		var id string
		err := tx.QueryRowContext(ctx, anonymousSQL, text).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil && !slices.ContainsFunc(found.People, func(hit lookup.PersonHit) bool { return hit.ID == id }) {
			found.People = append(found.People, lookup.PersonHit{ID: id})
		}
		return err
	})
}

// addByChannel adds those who have the value in a channel. Their ids are found
// first, whatever the planner believes of how many there are. A generation that
// was built before there was an index is read whole, for as long as a search may.
func addByChannel(ctx context.Context, tx *sql.Tx, found *lookup.PersonSearch, value string, limit, patience int) error {
	served, sets, err := servedPeople(ctx, tx)
	if err != nil {
		return err
	}
	var selects []string
	for _, set := range sets {
		selects = append(selects, postgres.SQL("SELECT distinct_id FROM relay_store.<set>channels_g<generation> WHERE <condition>",
			"set", set, "generation", served, "condition", inAnyChannel))
	}
	query := "WITH ids AS MATERIALIZED (" + strings.Join(selects, " UNION ALL ") + ")\n" + hitColumns +
		"WHERE p.distinct_id = ANY (ARRAY(SELECT distinct_id FROM ids LIMIT 4 * $2::integer)) ORDER BY p.distinct_id LIMIT $2"
	return inTime(ctx, tx, found, patience, func() error { return addHits(ctx, tx, found, query, value, limit) })
}

// inAnyChannel is the condition that channels hold the value $1.
var inAnyChannel = func() string {
	var of []string
	for c := range profile.ChannelCount {
		of = append(of, postgres.SQL("channels @> jsonb_build_object('<channel>', jsonb_build_array($1::text))", "channel", profile.Channel(c)))
	}
	return strings.Join(of, " OR ")
}()

func addByProperty(ctx context.Context, tx *sql.Tx, found *lookup.PersonSearch, text string, limit, patience int) error {
	return inTime(ctx, tx, found, patience, func() error {
		if key, value, is := strings.Cut(text, "="); is {
			return addHits(ctx, tx, found, byPropertySQL, key, limit, value)
		}
		return addHits(ctx, tx, found, byValueSQL, text, limit)
	})
}

// inTime looks for people for so many milliseconds. What was found is lost when
// they are over.
func inTime(ctx context.Context, tx *sql.Tx, found *lookup.PersonSearch, milliseconds int, look func() error) error {
	before := len(found.People)
	done, err := within(ctx, tx, milliseconds, look)
	if err == nil && !done {
		found.People, found.CutShort = found.People[:before], true
	}
	return err
}

// within runs statements that may take so many milliseconds each, and reports
// whether they ended in time. The transaction goes on in either case.
func within(ctx context.Context, tx *sql.Tx, milliseconds int, run func() error) (done bool, err error) {
	if _, err := tx.ExecContext(ctx, postgres.SQL("SET LOCAL statement_timeout = <milliseconds>", "milliseconds", milliseconds)); err != nil {
		return false, err
	}
	err = postgres.Try(ctx, tx, run)
	late := postgres.HasCode(err, postgres.CodeQueryCanceled) && ctx.Err() == nil
	if err != nil && !late {
		return false, err
	}
	_, err = tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0")
	return !late, err
}

// addHits adds people that are not among the found ones.
func addHits(ctx context.Context, tx *sql.Tx, found *lookup.PersonSearch, query, text string, limit int, more ...any) error {
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
		var hit lookup.PersonHit
		if err := rows.Scan(&hit.ID, &hit.Name, &hit.Email, &hit.LastIdentifiedAt); err != nil {
			return err
		}
		if !known[hit.ID] && len(found.People) < limit {
			found.People = append(found.People, hit)
		}
	}
	return rows.Err()
}
