package lookupstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/lookup"
)

// People implements lookup.PeopleReader and erasure.PersonReader. What it tells of
// a person are rows of the views.
type People struct {
	DB *sql.DB
}

var _ lookup.PeopleReader = People{}

// Person implements lookup.PeopleReader.
func (p People) Person(ctx context.Context, id string) (person lookup.Person, err error) {
	err = postgres.Database(p).InSnapshot(ctx, func(tx app.Tx) (err error) {
		if person, err = resolve(ctx, tx, postgres.Storable(id), longPatience); err != nil {
			return err
		}
		return readPerson(ctx, tx, &person)
	})
	if err != nil {
		return person, fmt.Errorf("person %q: %w", id, postgres.Translate(err))
	}
	return person, nil
}

// How many rows of a person are read at most.
const (
	maxIdentities = 200
	maxEvents     = 50
)

// readPerson reads the rows of the person that resolve found.
func readPerson(ctx context.Context, tx *sql.Tx, p *lookup.Person) (err error) {
	profiles, err := readRows[lookup.ProfileRow](ctx, tx, `SELECT to_jsonb(v) FROM relay.profiles v WHERE distinct_id = $1`, p.ID)
	if err != nil {
		return err
	}
	p.Channels, err = readRows[lookup.ChannelRow](ctx, tx, `SELECT to_jsonb(v) FROM relay.profile_channels v
WHERE distinct_id = $1 ORDER BY channel, first_seen_at, value`, p.ID)
	if err != nil {
		return err
	}
	p.Identities, err = readRows[lookup.IdentityRow](ctx, tx, `SELECT to_jsonb(v) FROM relay.identities v
WHERE distinct_id = $1 ORDER BY since, id, kind LIMIT $2`, p.ID, maxIdentities)
	if err != nil {
		return err
	}
	whose := `distinct_id = $1`
	if p.Anonymous {
		whose = `distinct_id IS NULL AND anonymous_id = $1`
	}
	p.Events, err = readRows[lookup.EventRow](ctx, tx, `SELECT to_jsonb(v) FROM relay.events v WHERE `+whose+`
ORDER BY occurred_at DESC, log_offset DESC, log_index DESC LIMIT $2`, p.ID, maxEvents)
	if err != nil {
		return err
	}
	if len(profiles) == 0 {
		p.NoProfile, err = whyNoProfile(ctx, tx, p.Anonymous)
		return err
	}
	p.Profile = &profiles[0]
	return addOrigins(ctx, tx, p)
}

// whyNoProfile explains why the person has no row in relay.profiles.
func whyNoProfile(ctx context.Context, tx *sql.Tx, anonymous bool) (string, error) {
	if !anonymous {
		return lookup.NeverIdentified, nil
	}
	_, sets, err := servedPeople(ctx, tx)
	if len(sets) > 1 {
		return lookup.UnownedID, err
	}
	return lookup.NotJoined, err
}

// readRows reads a query's rows, each of them one JSON object.
func readRows[T any](ctx context.Context, tx *sql.Tx, query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		var text []byte
		var row T
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &row); err != nil {
			return nil, fmt.Errorf("read a row: %w", err)
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// userSQL finds whom an id stands for: the user of that id who has a profile, the
// user that it is an alias of, a user who was not identified yet, or the user who
// owns it as an anonymous id.
const userSQL = `SELECT distinct_id FROM (
    SELECT 1 AS place, distinct_id FROM relay.profiles WHERE distinct_id = $1
    UNION ALL SELECT CASE kind WHEN 'user' THEN 2 ELSE 4 END, distinct_id FROM relay.identities WHERE id = $1
    UNION ALL (SELECT 3, distinct_id FROM relay.events WHERE distinct_id = $1 LIMIT 1)
    UNION ALL (SELECT 3, distinct_id FROM relay.identities WHERE distinct_id = $1 LIMIT 1)
) found ORDER BY place LIMIT 1`

// anonymousSQL finds an anonymous id that belongs to nobody. Its index is the one
// that SearchIndex makes.
const anonymousSQL = `SELECT anonymous_id FROM relay.events WHERE distinct_id IS NULL AND anonymous_id = $1 LIMIT 1`

// resolve finds whom an id stands for, and fills in the person's ID and Anonymous.
// For an anonymous id it looks for so many milliseconds.
func resolve(ctx context.Context, tx *sql.Tx, id string, patience int) (p lookup.Person, err error) {
	err = tx.QueryRowContext(ctx, userSQL, id).Scan(&p.ID)
	if !errors.Is(err, sql.ErrNoRows) {
		return p, err
	}
	p.Anonymous = true
	inTime, err := within(ctx, tx, patience, func() error {
		return tx.QueryRowContext(ctx, anonymousSQL, id).Scan(&p.ID)
	})
	if err == nil && !inTime {
		err = lookup.ErrNoTime
	}
	return p, err
}
