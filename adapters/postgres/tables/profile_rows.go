package tables

import (
	"context"
	"database/sql"
	"fmt"

	"relay/adapters/postgres/wire"
	"relay/domain/profile"
	"relay/domain/segment"
)

// ReadStates returns the states of the ids, those without rows among them.
func (p Profiles) ReadStates(ctx context.Context, tx *sql.Tx, generation int64, ids *wire.Column) (map[string]profile.State, error) {
	rows, err := tx.QueryContext(ctx, p.readSQL(generation), ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	states := make(map[string]profile.State, ids.Count)
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

// person is somebody whose state is to be written.
type person struct {
	id    string
	state profile.State
}

func personsOf(states map[string]profile.State) []person {
	people := make([]person, 0, len(states))
	for id, s := range states {
		people = append(people, person{id, s})
	}
	return people
}

// stateWriter writes people's states.
type stateWriter struct {
	of           []*wire.RowWriter // in the order of profileParts
	buffer, seen []byte
}

// newStateWriter returns a writer; replace is for tables that may hold the
// people.
func (p Profiles) newStateWriter(tx *sql.Tx, generation int64, replace bool) *stateWriter {
	w := &stateWriter{}
	for _, part := range profileParts {
		conflict := ""
		if replace {
			conflict = part.replace
		}
		w.of = append(w.of, wire.NewRowWriter(tx, tableOf(part.in(p.set), generation), part.width, conflict))
	}
	return w
}

func (w *stateWriter) close() {
	for _, rows := range w.of {
		rows.Close()
	}
}

func (w *stateWriter) add(p *person) {
	w.addProperties(w.of[0], p)
	w.addSettings(w.of[1], p)
	w.addChannels(w.of[2], p)
}

func (w *stateWriter) addProperties(rows *wire.RowWriter, p *person) {
	if !p.state.Identified {
		return
	}
	rows.Begin()
	rows.Text(p.id)
	w.buffer = profile.AppendProperties(w.buffer[:0], p.state.Traits)
	rows.JSON(w.buffer)
	w.buffer = profile.AppendTraitStamps(w.buffer[:0], p.state.Traits)
	rows.Bytes(w.buffer)
	rows.Instant(p.state.First)
	rows.Instant(p.state.Last)
	rows.End()
}

func (w *stateWriter) addSettings(rows *wire.RowWriter, p *person) {
	if p.state.Settings == [profile.PreferenceCount]profile.Setting{} {
		return
	}
	rows.Begin()
	rows.Text(p.id)
	for _, s := range p.state.Settings {
		rows.OrNull(s.Value)
	}
	w.buffer = profile.AppendSettingStamps(w.buffer[:0], p.state.Settings)
	rows.Bytes(w.buffer)
	rows.End()
}

func (w *stateWriter) addChannels(rows *wire.RowWriter, p *person) {
	if len(p.state.Channels) == 0 {
		return
	}
	rows.Begin()
	rows.Text(p.id)
	w.buffer, w.seen = profile.AppendChannels(w.buffer[:0], w.seen[:0], p.state.Channels)
	rows.JSON(w.buffer)
	rows.JSON(w.seen)
	rows.End()
}

// insert writes what waits in the tables; all of it, or only where it is much.
func (w *stateWriter) insert(ctx context.Context, all bool) error {
	for _, rows := range w.of {
		if !all && !rows.Full() {
			continue
		}
		if err := rows.Insert(ctx); err != nil {
			return fmt.Errorf("write people's states: %w", err)
		}
	}
	return nil
}

// writeStates writes the people's rows.
func (p Profiles) writeStates(ctx context.Context, tx *sql.Tx, generation int64, people []person, replace bool) error {
	w := p.newStateWriter(tx, generation, replace)
	defer w.close()
	for i := range people {
		w.add(&people[i])
		if err := w.insert(ctx, false); err != nil {
			return err
		}
	}
	return w.insert(ctx, true)
}
