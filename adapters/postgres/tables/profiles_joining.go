package tables

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"maps"
	"slices"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/domain/profile"
	"relay/projections"
)

// joining is what one batch changes of the joined rows.
type joining struct {
	tables     Profiles
	tx         *sql.Tx
	generation int64
	// own holds what user ids contribute themselves, as far as it was read.
	own map[string]profile.State
	// gains holds, by canonical id, what other ids contribute to it that is not
	// in its joined row yet; nothing where only its own state changed.
	gains map[string]profile.State
	// lost holds the canonical ids whose joined rows say more than is theirs.
	lost map[string]bool
}

// newJoining begins with what is known of what user ids contribute themselves.
func (p Profiles) newJoining(tx *sql.Tx, generation int64, own map[string]profile.State) joining {
	return joining{tables: p, tx: tx, generation: generation, own: own, gains: map[string]profile.State{}, lost: map[string]bool{}}
}

func (j *joining) gain(canonicalID string, s profile.State) {
	j.gains[canonicalID] = profile.Merge(j.gains[canonicalID], s)
}

// contribute notes to whom the calls of the batch contribute.
func (j *joining) contribute(ctx context.Context, f *projections.ProfilesFold) error {
	users, err := j.links(ctx, distinctIDsSQL, aliasesTable, wire.TextColumn(f.People), "true")
	if err != nil {
		return err
	}
	owners, err := j.links(ctx, distinctIDsSQL, claimsTable, wire.TextColumn(f.Anonymous), "true")
	if err != nil {
		return err
	}
	for id, s := range f.People {
		if to, aliased := users[id]; aliased && to != id {
			j.gain(to, s)
		} else {
			j.gain(id, profile.State{})
		}
	}
	for id, s := range f.Anonymous {
		if to, owned := owners[id]; owned {
			j.gain(to, s)
		}
	}
	return nil
}

// move notes who gains and who loses by the ids that moved.
func (j *joining) move(ctx context.Context, m moves) error {
	if err := j.readOwn(ctx, maps.Keys(m.users)); err != nil {
		return err
	}
	for id, by := range m.users {
		j.moveOne(by, j.own[id], by.to == id)
	}
	anonymous, err := j.tables.Of(anonymousStates).ReadStates(ctx, j.tx, j.generation, wire.TextColumn(m.anonymous))
	if err != nil {
		return err
	}
	for id, by := range m.anonymous {
		j.moveOne(by, anonymous[id], false)
	}
	return nil
}

func (j *joining) moveOne(by move, s profile.State, toItself bool) {
	if s.IsEmpty() {
		return
	}
	if by.from != "" {
		j.lost[by.from] = true
	}
	if !toItself {
		j.gain(by.to, s)
	}
}

// regather drops the joined rows of those who lost something, and notes as
// gains all that other ids contribute to them now.
func (j *joining) regather(ctx context.Context) error {
	if len(j.lost) == 0 {
		return nil
	}
	if err := j.tables.Of(JoinedStates).eraseStates(ctx, j.tx, j.generation, slices.Collect(maps.Keys(j.lost))); err != nil {
		return err
	}
	lost := wire.TextColumn(j.lost)
	users, err := j.links(ctx, membersSQL, aliasesTable, lost, "l.id <> l.distinct_id")
	if err != nil {
		return err
	}
	anonymous, err := j.links(ctx, membersSQL, claimsTable, lost, j.tables.contributes(j.generation, "l"))
	if err != nil {
		return err
	}
	return j.gather(ctx, users, anonymous)
}

// gather notes what user ids and anonymous ids contribute to canonical ids.
func (j *joining) gather(ctx context.Context, users, anonymous map[string]string) error {
	if err := j.readOwn(ctx, maps.Keys(users)); err != nil {
		return err
	}
	for id, to := range users {
		j.gain(to, j.own[id])
	}
	states, err := j.tables.Of(anonymousStates).ReadStates(ctx, j.tx, j.generation, wire.TextColumn(anonymous))
	for id, to := range anonymous {
		j.gain(to, states[id])
	}
	return err
}

// write writes the joined rows of those who gained something, or whose own
// state changed. Nobody has one to whom no other id contributes.
func (j *joining) write(ctx context.Context) error {
	joined, err := j.tables.Of(JoinedStates).ReadStates(ctx, j.tx, j.generation, wire.TextColumn(j.gains))
	if err != nil {
		return fmt.Errorf("read joined people's states: %w", err)
	}
	for id, gained := range j.gains {
		others := profile.Merge(joined[id], gained)
		if others.IsEmpty() {
			delete(joined, id)
			continue
		}
		joined[id] = others
	}
	if err := j.readOwn(ctx, maps.Keys(joined)); err != nil {
		return fmt.Errorf("read people's states: %w", err)
	}
	for id, others := range joined {
		joined[id] = within(profile.Merge(others, j.own[id]), others)
	}
	return j.tables.Of(JoinedStates).writeStates(ctx, j.tx, j.generation, personsOf(joined), true)
}

// within returns the state without the parts of which others know nothing.
func within(s, others profile.State) profile.State {
	if !others.Identified {
		s.Identified, s.First, s.Last, s.Traits = false, 0, 0, nil
	}
	if others.Settings == [profile.PreferenceCount]profile.Setting{} {
		s.Settings = others.Settings
	}
	if len(others.Channels) == 0 {
		s.Channels = nil
	}
	return s
}

// readOwn makes sure that what the user ids contribute themselves was read.
func (j *joining) readOwn(ctx context.Context, ids iter.Seq[string]) error {
	missing := wire.NewColumn(wire.OIDText)
	for id := range ids {
		if _, known := j.own[id]; !known {
			missing.Text(id)
		}
	}
	if missing.Count == 0 {
		return nil
	}
	states, err := j.tables.ReadStates(ctx, j.tx, j.generation, missing)
	maps.Copy(j.own, states)
	return err
}

const (
	distinctIDsSQL = `SELECT l.id, l.distinct_id FROM relay_store.<table>_g<generation> l WHERE l.id = ANY ($1::text[]) AND <condition>`
	membersSQL     = `SELECT l.id, l.distinct_id FROM relay_store.<table>_g<generation> l
WHERE l.distinct_id = ANY ($1::text[]) AND <condition>`
)

// links returns the distinct ids by id of the links of some ids, or to some
// distinct ids, that meet the condition.
func (j *joining) links(ctx context.Context, query, table string, of *wire.Column, condition string) (map[string]string, error) {
	if of.Count == 0 {
		return nil, nil
	}
	rows, err := j.tx.QueryContext(ctx, postgres.SQL(query,
		"generation", j.generation, "table", table, "condition", condition), of)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var id, distinctID string
		if err := rows.Scan(&id, &distinctID); err != nil {
			return nil, err
		}
		found[id] = distinctID
	}
	return found, rows.Err()
}
