package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relay/domain/profile"
	"relay/domain/segment"
)

const readStatesSQL = `SELECT p.distinct_id, p.properties, p.stamps, p.first_identified_at, p.last_identified_at,
       coalesce(f.preferred_language, ''), coalesce(f.locale, ''), coalesce(f.timezone, ''), f.stamps, c.channels, c.seen
FROM relay_store.profiles_g%[1]d p
LEFT JOIN relay_store.preferences_g%[1]d f ON f.distinct_id = p.distinct_id
LEFT JOIN relay_store.channels_g%[1]d c ON c.distinct_id = p.distinct_id
WHERE p.distinct_id = ANY ($1::text[])`

// readStates returns the states of those of the people who have rows.
func readStates[V any](ctx context.Context, tx *sql.Tx, generation int64, people map[string]V) (map[string]profile.State, error) {
	ids := newColumn(oidText)
	for id := range people {
		ids.text(id)
	}
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(readStatesSQL, generation), ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	states := make(map[string]profile.State, len(people))
	for rows.Next() {
		var r stateRow
		if err := rows.Scan(r.targets()...); err != nil {
			return nil, err
		}
		if states[r.id], err = r.state(); err != nil {
			return nil, fmt.Errorf("state of %q: %w", r.id, err)
		}
	}
	return states, rows.Err()
}

// stateRow is a person as the three tables hold them.
type stateRow struct {
	id                 string
	properties, stamps []byte
	first, last        time.Time
	settings           [profile.PreferenceCount]profile.Setting
	settingStamps      []byte
	channels, seen     []byte
}

func (r *stateRow) targets() []any {
	return []any{
		&r.id, &r.properties, &r.stamps, &r.first, &r.last,
		&r.settings[profile.Language].Value, &r.settings[profile.Locale].Value, &r.settings[profile.Timezone].Value,
		&r.settingStamps, &r.channels, &r.seen,
	}
}

func (r *stateRow) state() (s profile.State, err error) {
	s = profile.State{Identified: true, First: segment.InstantOf(r.first), Last: segment.InstantOf(r.last), Settings: r.settings}
	if s.Traits, err = r.traits(); err != nil {
		return s, err
	}
	if r.settingStamps != nil {
		if err := profile.DecodeSettingStamps(r.settingStamps, &s.Settings); err != nil {
			return s, err
		}
	}
	if r.channels != nil {
		s.Channels, err = profile.ParseChannels(r.channels, r.seen)
	}
	return s, err
}

func (r *stateRow) traits() ([]profile.Trait, error) {
	stamps, err := profile.DecodeTraitStamps(r.stamps)
	if err != nil {
		return nil, err
	}
	properties, err := segment.ValueOf(r.properties)
	if err != nil {
		return nil, err
	}
	var traits []profile.Trait
	for key, value := range properties.Members {
		traits = append(traits, profile.Trait{Key: key, Value: value.AppendJSON(nil), Stamp: stamps.Of(key)})
	}
	return profile.SortTraits(traits), nil
}

// Statements that write people's rows; the last part is added where rows may
// exist already.
const (
	writeProfilesSQL = `INSERT INTO relay_store.profiles_g%[1]d (distinct_id, properties, stamps, first_identified_at, last_identified_at)
SELECT * FROM unnest($1::text[], $2::jsonb[], $3::bytea[], $4::timestamptz[], $5::timestamptz[])`
	replaceProfiles = ` ON CONFLICT (distinct_id) DO UPDATE SET properties = excluded.properties, stamps = excluded.stamps,
first_identified_at = excluded.first_identified_at, last_identified_at = excluded.last_identified_at`

	writePreferencesSQL = `INSERT INTO relay_store.preferences_g%[1]d (distinct_id, preferred_language, locale, timezone, stamps)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])`
	replacePreferences = ` ON CONFLICT (distinct_id) DO UPDATE SET preferred_language = excluded.preferred_language,
locale = excluded.locale, timezone = excluded.timezone, stamps = excluded.stamps`

	writeChannelsSQL = `INSERT INTO relay_store.channels_g%[1]d (distinct_id, channels, seen)
SELECT * FROM unnest($1::text[], $2::jsonb[], $3::jsonb[])`
	replaceChannels = ` ON CONFLICT (distinct_id) DO UPDATE SET channels = excluded.channels, seen = excluded.seen`
)

// stateColumns are people's states on their way into the three tables.
type stateColumns struct {
	profiles, preferences, channels []*column
	buffer, seen                    []byte
}

func newStateColumns() *stateColumns {
	return &stateColumns{
		profiles:    newColumns(oidText, oidJSONB, oidBytea, oidTimestamptz, oidTimestamptz),
		preferences: newColumns(oidText, oidText, oidText, oidText, oidBytea),
		channels:    newColumns(oidText, oidJSONB, oidJSONB),
	}
}

func (c *stateColumns) add(id string, s profile.State) {
	c.profiles[0].text(id)
	c.buffer = profile.AppendProperties(c.buffer[:0], s.Traits)
	c.profiles[1].json(c.buffer)
	c.buffer = profile.AppendTraitStamps(c.buffer[:0], s.Traits)
	c.profiles[2].bytes(c.buffer)
	c.profiles[3].instant(s.First)
	c.profiles[4].instant(s.Last)
	c.addSettings(id, s.Settings)
	c.addChannels(id, s.Channels)
}

func (c *stateColumns) addSettings(id string, settings [profile.PreferenceCount]profile.Setting) {
	if settings == [profile.PreferenceCount]profile.Setting{} {
		return
	}
	c.preferences[0].text(id)
	for i, s := range settings {
		c.preferences[1+i].orNull(s.Value)
	}
	c.buffer = profile.AppendSettingStamps(c.buffer[:0], settings)
	c.preferences[1+profile.PreferenceCount].bytes(c.buffer)
}

func (c *stateColumns) addChannels(id string, channels []profile.ChannelValue) {
	if len(channels) == 0 {
		return
	}
	c.channels[0].text(id)
	c.buffer, c.seen = profile.AppendChannels(c.buffer[:0], c.seen[:0], channels)
	c.channels[1].json(c.buffer)
	c.channels[2].json(c.seen)
}

// size is about how many bytes wait to be written.
func (c *stateColumns) size() int {
	return len(c.profiles[1].data) + len(c.channels[1].data) + len(c.profiles[2].data)
}

// writeTo writes the rows; replace is for tables that may hold the people.
func (c *stateColumns) writeTo(ctx context.Context, tx *sql.Tx, generation int64, replace bool) error {
	for _, t := range []struct {
		insert, onConflict string
		columns            []*column
	}{
		{writeProfilesSQL, replaceProfiles, c.profiles},
		{writePreferencesSQL, replacePreferences, c.preferences},
		{writeChannelsSQL, replaceChannels, c.channels},
	} {
		if t.columns[0].count == 0 {
			continue
		}
		query := fmt.Sprintf(t.insert, generation)
		if replace {
			query += t.onConflict
		}
		if _, err := tx.ExecContext(ctx, query, arguments(t.columns)...); err != nil {
			return err
		}
	}
	return nil
}

// writeStates writes the people's rows.
func writeStates(ctx context.Context, tx *sql.Tx, generation int64, people map[string]profile.State, replace bool) error {
	columns := newStateColumns()
	for id, s := range people {
		columns.add(id, s)
		if columns.size() > maxStatement {
			if err := columns.writeTo(ctx, tx, generation, replace); err != nil {
				return fmt.Errorf("write people's states: %w", err)
			}
			columns = newStateColumns()
		}
	}
	if err := columns.writeTo(ctx, tx, generation, replace); err != nil {
		return fmt.Errorf("write people's states: %w", err)
	}
	return nil
}

// maxStatement bounds the bytes that one statement carries.
const maxStatement = 4 << 20
