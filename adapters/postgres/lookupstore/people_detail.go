package lookupstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/tables"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/app/lookup"
	"relay/domain/eventlog"
	"relay/domain/profile"
	"relay/projections"
)

// Detail implements lookup.PeopleReader.
func (p PeopleReader) Detail(ctx context.Context, id string) (d lookup.PersonDetail, err error) {
	err = postgres.Database(p).InSnapshot(ctx, func(tx app.Tx) error {
		if err := tx.QueryRowContext(ctx, personSQL, postgres.Storable(id)).Scan(&d.ID); err != nil {
			return err
		}
		state, err := personState(ctx, tx, d.ID)
		if err != nil {
			return err
		}
		fillState(&d, state)
		if err := addSources(ctx, tx, &d); err != nil {
			return err
		}
		if err := addIdentities(ctx, tx, &d); err != nil {
			return err
		}
		return addEvents(ctx, tx, &d)
	})
	if err != nil {
		return d, fmt.Errorf("person %q: %w", id, postgres.Translate(err))
	}
	return d, nil
}

// servedPeople returns the generation of profiles that is served, and the sets of
// states that people are shown from, the first that has somebody counting.
func servedPeople(ctx context.Context, tx *sql.Tx) (generation int64, sets []tables.StateSet, err error) {
	served, err := tables.Generations{}.Serving(ctx, tx, projections.Profiles)
	if err != nil {
		return 0, nil, err
	}
	joins, err := tables.JoinsIDs(ctx, tx, served.ID)
	if joins {
		sets = append(sets, tables.JoinedStates)
	}
	return served.ID, append(sets, tables.OwnStates), err
}

// personState reads what the views show of a person, with its stamps.
func personState(ctx context.Context, tx *sql.Tx, id string) (profile.State, error) {
	served, sets, err := servedPeople(ctx, tx)
	if err != nil {
		return profile.State{}, err
	}
	for _, set := range sets {
		states, err := tables.NewProfiles(nil).Of(set).ReadStates(ctx, tx, served, wire.Texts([]string{id}))
		if err != nil {
			return profile.State{}, err
		}
		if state := states[id]; !state.IsEmpty() {
			return state, nil
		}
	}
	return profile.State{}, sql.ErrNoRows
}

func fillState(d *lookup.PersonDetail, s profile.State) {
	d.First, d.Last = s.First.Time(), s.Last.Time()
	for _, t := range s.Traits {
		d.Properties = append(d.Properties, lookup.PersonValue{Name: t.Key, Value: string(t.Value), Origin: originOf(t.Stamp)})
	}
	for i, setting := range s.Settings {
		if setting.IsSet() {
			d.Preferences = append(d.Preferences, lookup.PersonValue{Name: profile.Preference(i).String(), Value: setting.Value, Origin: originOf(setting.Stamp)})
		}
	}
	for _, v := range s.Channels {
		d.Channels = append(d.Channels, lookup.PersonChannel{Channel: v.Channel.String(), Value: v.Value, First: v.First.Time(), Last: v.Last.Time()})
	}
}

func originOf(s eventlog.Stamp) lookup.Origin {
	return lookup.Origin{At: s.At.Time(), Offset: s.Offset, Index: s.Index}
}

// addSources looks up who sent the payloads that values came from.
func addSources(ctx context.Context, tx *sql.Tx, d *lookup.PersonDetail) error {
	var offsets []int64
	for _, list := range [][]lookup.PersonValue{d.Properties, d.Preferences} {
		for _, v := range list {
			offsets = append(offsets, int64(v.Offset))
		}
	}
	rows, err := tx.QueryContext(ctx, `SELECT "offset", metadata ->> 'source' FROM relay.log WHERE "offset" = ANY ($1)`, pq.Array(offsets))
	if err != nil {
		return err
	}
	defer rows.Close()
	sources := map[eventlog.Offset]string{}
	for rows.Next() {
		var offset eventlog.Offset
		var source string
		if err := rows.Scan(&offset, &source); err != nil {
			return err
		}
		sources[offset] = source
	}
	for _, list := range [][]lookup.PersonValue{d.Properties, d.Preferences} {
		for i := range list {
			list[i].Source = sources[list[i].Offset]
		}
	}
	return rows.Err()
}

func addIdentities(ctx context.Context, tx *sql.Tx, d *lookup.PersonDetail) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, kind, since FROM relay.identities WHERE distinct_id = $1 ORDER BY since, id LIMIT 200`, d.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var i lookup.PersonID
		if err := rows.Scan(&i.ID, &i.Kind, &i.Since); err != nil {
			return err
		}
		d.Identities = append(d.Identities, i)
	}
	return rows.Err()
}

func addEvents(ctx context.Context, tx *sql.Tx, d *lookup.PersonDetail) error {
	rows, err := tx.QueryContext(ctx, `SELECT log_offset, log_index, event_name, type, occurred_at, source, mapping_version, properties, coalesce(anonymous_id, '')
FROM relay.events WHERE distinct_id = $1 ORDER BY occurred_at DESC, log_offset DESC, log_index DESC LIMIT 50`, d.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e lookup.PersonEvent
		if err := rows.Scan(&e.Offset, &e.Index, &e.Name, &e.Type, &e.OccurredAt, &e.Source, &e.Version, &e.Properties, &e.AnonymousID); err != nil {
			return err
		}
		d.Events = append(d.Events, e)
	}
	return rows.Err()
}
