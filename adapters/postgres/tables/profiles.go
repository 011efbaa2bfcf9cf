package tables

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/domain/profile"
	"relay/projections"
)

// Profiles keeps the tables of the profiles projection. A generation N has
// three, so that a change of the mapping can replace some and leave others:
//
//	profiles_gN     properties, with the stamp of each, and first and last seen
//	preferences_gN  the settings, of people who have any
//	channels_gN     channel values, of people who have any
//
// Where mappings join ids (see links.go), these hold what each user id
// contributes itself, and there are two more of each table: anonymous_… for what
// anonymous ids contribute, joined_… for canonical ids that other ids contribute
// to. A joined row merges what all contribute, so when one comes it is merged
// in; when one goes, because an earlier claim or alias came late, the row is
// merged anew. The views show joined rows, and the rows of user ids that stand
// for themselves and have none. Ids that nobody else contributes to, most
// people's, cost no more than without joining.
type Profiles struct {
	db    *sql.DB // for loading
	parts []string
	set   StateSet
}

// profilesProjection is the profiles projection as it is kept in db.
func profilesProjection(db *sql.DB) app.Projection {
	return app.Projection{
		Name: projections.Profiles, Kinds: projections.ProfilesKinds, Joins: true,
		NewFold: func(parts []string) projections.Fold { return projections.NewProfilesFold(parts) },
		NewTables: func(parts []string) app.Tables {
			p := Profiles{db: db, parts: parts}
			return app.Tables{Schema: p, Rows: p, Loading: p, Views: p, Comparing: p, Sampling: p}
		},
		Late: projections.LateForProfiles, Depends: projections.ProfilesDepend, IssueCodes: projections.IssueCodes,
	}.Only(projections.ProfilesParts())
}

// NewProfiles returns the tables of all parts.
func NewProfiles(db *sql.DB) Profiles {
	return Profiles{db: db, parts: projections.ProfilesParts()}
}

// Of returns the tables of a set of states.
func (p Profiles) Of(set StateSet) Profiles {
	p.set = set
	return p
}

// Create implements app.Schema.
func (p Profiles) Create(ctx context.Context, tx app.Tx, generation int64, joined bool) error {
	tables := p.tablesDDL(generation) + ";" + p.statements(generation, noAutovacuum) + ";" + loadedUnloggedDDL
	if joined {
		tables += ";" + p.Of(anonymousStates).tablesDDL(generation) + ";" + p.Of(JoinedStates).tablesDDL(generation)
		tables += ";" + linksDDL + ";" + loadedLinksUnloggedDDL
	}
	return execFor(ctx, tx, tables, generation)
}

// tablesDDL creates the tables of the parts.
func (p Profiles) tablesDDL(generation int64) string {
	var all []string
	for _, part := range p.held() {
		all = append(all, "CREATE TABLE "+tableOf(part.in(p.set), generation)+" "+part.columns)
	}
	return strings.Join(all, ";\n")
}

const profilesIndexes = `ALTER TABLE relay_store.<table>_g<generation> DROP CONSTRAINT IF EXISTS <table>_g<generation>_pkey,
    ADD CONSTRAINT <table>_g<generation>_pkey PRIMARY KEY (distinct_id);
ANALYZE relay_store.<table>_g<generation>`

// Index implements app.Schema.
func (p Profiles) Index(ctx context.Context, tx app.Tx, generation int64) error {
	_, err := tx.ExecContext(ctx, p.statements(generation, profilesIndexes))
	return err
}

const renameSQL = "ALTER TABLE IF EXISTS relay_store.<table>_g<generation> RENAME TO <table>_g<to>;\n"

// Adopt implements app.Schema: tables change their names, not their rows.
func (p Profiles) Adopt(ctx context.Context, tx app.Tx, from, to int64) error {
	var rename string
	for _, set := range setsOf(true) {
		rename += p.Of(set).others().statements(from, renameSQL, "to", to)
	}
	if rename == "" {
		return nil
	}
	if err := postgres.SetLockTimeout(ctx, tx, postgres.ReadersPatience); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, rename); err != nil {
		return err
	}
	var rebuilt []string
	for _, part := range p.parts {
		rebuilt = append(rebuilt, projections.IssueCodes(part)...)
	}
	_, err := tx.ExecContext(ctx, `UPDATE relay_store.issues SET generation = $2 WHERE generation = $1 AND code <> ALL ($3)`,
		from, to, pq.Array(rebuilt))
	return err
}

// Drop implements app.Schema.
func (Profiles) Drop(ctx context.Context, tx app.Tx, generation int64) error {
	if err := postgres.SetLockTimeout(ctx, tx, postgres.DropPatience); err != nil {
		return err
	}
	drop := linksDrop + "; DROP TABLE IF EXISTS relay_store.partials_g<generation>; " + loadedDrop
	for _, set := range setsOf(true) {
		all := Profiles{parts: projections.ProfilesParts(), set: set}
		drop += ";\n" + all.statements(generation, "DROP TABLE IF EXISTS relay_store.<table>_g<generation>")
	}
	return execFor(ctx, tx, drop, generation)
}

// execFor runs statements on the tables of a <generation>.
func execFor(ctx context.Context, tx *sql.Tx, statements string, generation int64) error {
	_, err := tx.ExecContext(ctx, postgres.SQL(statements, "generation", generation))
	return err
}

// Merge implements app.Rows.
func (p Profiles) Merge(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold) error {
	f := fold.(*projections.ProfilesFold)
	own, err := p.mergeStates(ctx, tx, generation, f.People)
	if err != nil || !f.Joined {
		return err
	}
	return p.mergeJoined(ctx, tx, generation, f, own)
}

// mergeStates adds to people's states, and returns what they are then.
func (p Profiles) mergeStates(
	ctx context.Context, tx *sql.Tx, generation int64, people map[string]profile.State,
) (map[string]profile.State, error) {
	if len(people) == 0 {
		return map[string]profile.State{}, nil
	}
	known, err := p.ReadStates(ctx, tx, generation, wire.TextColumn(people))
	if err != nil {
		return nil, fmt.Errorf("read %d people's states: %w", len(people), err)
	}
	merged := make(map[string]profile.State, len(people))
	for id, delta := range people {
		merged[id] = profile.Merge(known[id], delta)
	}
	return merged, p.writeStates(ctx, tx, generation, personsOf(merged), true)
}
