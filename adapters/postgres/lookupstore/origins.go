package lookupstore

import (
	"context"
	"database/sql"

	"github.com/lib/pq"

	"relay/adapters/postgres/tables"
	"relay/adapters/postgres/wire"
	"relay/app/lookup"
	"relay/domain/eventlog"
	"relay/domain/profile"
	"relay/projections"
)

// servedPeople returns the generation of profiles that is served, and the sets of
// states that the views show people from. Of each part of a person the first set
// counts that has the part.
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

// addOrigins adds where the values of a profile came from. Which value stands, the
// view has said.
func addOrigins(ctx context.Context, tx *sql.Tx, p *lookup.Person) error {
	served, sets, err := servedPeople(ctx, tx)
	if err != nil {
		return err
	}
	p.Origins = lookup.ProfileOrigins{Properties: map[string]lookup.Origin{}, Preferences: map[string]lookup.Origin{}}
	for _, set := range sets {
		states, err := tables.NewProfiles(nil).Of(set).ReadStates(ctx, tx, served, wire.Texts([]string{p.ID}))
		if err != nil {
			return err
		}
		addStamps(&p.Origins, states[p.ID])
	}
	return addSources(ctx, tx, &p.Origins)
}

// preferenceColumns are the preferences' names in relay.profiles.
var preferenceColumns = [profile.PreferenceCount]string{
	profile.Language: "preferred_language", profile.Locale: "locale", profile.Timezone: "timezone",
}

// addStamps adds the stamps of the parts that a state has and no set before it had.
func addStamps(to *lookup.ProfileOrigins, s profile.State) {
	if len(to.Properties) == 0 {
		for _, t := range s.Traits {
			to.Properties[t.Key] = originOf(t.Stamp)
		}
	}
	if len(to.Preferences) == 0 {
		for i, setting := range s.Settings {
			if setting.IsSet() {
				to.Preferences[preferenceColumns[i]] = originOf(setting.Stamp)
			}
		}
	}
}

func originOf(s eventlog.Stamp) lookup.Origin {
	return lookup.Origin{At: s.At.Time(), Offset: s.Offset, Index: s.Index}
}

// addSources adds who sent the payloads that values came from.
func addSources(ctx context.Context, tx *sql.Tx, to *lookup.ProfileOrigins) error {
	both := []map[string]lookup.Origin{to.Properties, to.Preferences}
	var offsets []int64
	for _, origins := range both {
		for _, o := range origins {
			offsets = append(offsets, int64(o.Offset))
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
	for _, origins := range both {
		for name, o := range origins {
			o.Source = sources[o.Offset]
			origins[name] = o
		}
	}
	return rows.Err()
}
