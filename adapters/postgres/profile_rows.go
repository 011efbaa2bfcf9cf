package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"relay/domain/profile"
	"relay/domain/segment"
)

// readStates returns the states of the ids, those without rows among them.
func (p Profiles) readStates(ctx context.Context, tx *sql.Tx, generation int64, ids *column) (map[string]profile.State, error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(p.readSQL(), generation), ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	states := make(map[string]profile.State, ids.count)
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

// stateRow is a person as the tables hold them; null where they do not.
type stateRow struct {
	id                 string
	properties, stamps []byte
	first, last        sql.NullTime
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
	s.Settings = r.settings
	if r.first.Valid {
		s.Identified, s.First, s.Last = true, segment.InstantOf(r.first.Time), segment.InstantOf(r.last.Time)
		if s.Traits, err = r.traits(); err != nil {
			return s, err
		}
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

// stateColumns are people's states on their way into the tables.
type stateColumns struct {
	set                             stateSet
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
	c.addProperties(id, s)
	c.addSettings(id, s.Settings)
	c.addChannels(id, s.Channels)
}

func (c *stateColumns) addProperties(id string, s profile.State) {
	if !s.Identified {
		return
	}
	c.profiles[0].text(id)
	c.buffer = profile.AppendProperties(c.buffer[:0], s.Traits)
	c.profiles[1].json(c.buffer)
	c.buffer = profile.AppendTraitStamps(c.buffer[:0], s.Traits)
	c.profiles[2].bytes(c.buffer)
	c.profiles[3].instant(s.First)
	c.profiles[4].instant(s.Last)
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
	for i, columns := range [][]*column{c.profiles, c.preferences, c.channels} {
		if columns[0].count == 0 {
			continue
		}
		part := profileParts[i]
		query := fmt.Sprintf("INSERT INTO relay_store.%s%s_g%d %s", c.set, part.table, generation, part.insert)
		if replace {
			query += part.replace
		}
		if _, err := tx.ExecContext(ctx, query, arguments(columns)...); err != nil {
			return err
		}
	}
	return nil
}

// newColumns returns columns for the set's tables.
func (p Profiles) newColumns() *stateColumns {
	c := newStateColumns()
	c.set = p.set
	return c
}

// writeStates writes the people's rows.
func (p Profiles) writeStates(ctx context.Context, tx *sql.Tx, generation int64, people map[string]profile.State, replace bool) error {
	columns := p.newColumns()
	for id, s := range people {
		columns.add(id, s)
		if columns.size() > maxStatement {
			if err := columns.writeTo(ctx, tx, generation, replace); err != nil {
				return fmt.Errorf("write people's states: %w", err)
			}
			columns = p.newColumns()
		}
	}
	if err := columns.writeTo(ctx, tx, generation, replace); err != nil {
		return fmt.Errorf("write people's states: %w", err)
	}
	return nil
}

// maxStatement bounds the bytes that one statement carries.
const maxStatement = 4 << 20
