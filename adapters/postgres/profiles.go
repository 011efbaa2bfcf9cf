package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/lib/pq"

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
type Profiles struct {
	db    *sql.DB // for loading
	parts []string
}

var _ app.Tables = Profiles{}

// NewProfiles returns the tables of all parts.
func NewProfiles(db *sql.DB) Profiles {
	return Profiles{db: db, parts: projections.ProfilesParts()}
}

// Only implements app.Tables.
func (p Profiles) Only(parts []string) app.Tables { return Profiles{db: p.db, parts: parts} }

// profilesViews must keep names, types and order of the columns: a view can
// only be replaced by one that has the same, and more after them.
const profilesViews = `
CREATE OR REPLACE VIEW relay.profiles AS
SELECT p.distinct_id, p.properties, f.preferred_language, f.locale, f.timezone,
       coalesce(c.channels, '{}'::jsonb) AS channels, p.first_identified_at, p.last_identified_at
FROM relay_store.profiles_g%[1]d p
LEFT JOIN relay_store.preferences_g%[1]d f ON f.distinct_id = p.distinct_id
LEFT JOIN relay_store.channels_g%[1]d c ON c.distinct_id = p.distinct_id;
CREATE OR REPLACE VIEW relay.profile_channels AS
SELECT c.distinct_id, e.channel, v.value,
       relay_store.instant((c.seen -> e.channel -> (v.place - 1)::integer ->> 0)::bigint) AS first_seen_at,
       relay_store.instant((c.seen -> e.channel -> (v.place - 1)::integer ->> 1)::bigint) AS last_seen_at
FROM relay_store.channels_g%[1]d c,
     jsonb_each(c.channels) AS e(channel, list),
     jsonb_array_elements_text(e.list) WITH ORDINALITY AS v(value, place)`

const profilesComments = `
COMMENT ON VIEW relay.profiles IS 'A row for each person who was identified: a userId that was in at least one identify call';
COMMENT ON COLUMN relay.profiles.distinct_id IS 'the userId';
COMMENT ON COLUMN relay.profiles.properties IS 'all traits; of each the value that was observed last';
COMMENT ON COLUMN relay.profiles.preferred_language IS 'the last valid language, ISO 639-1, where the mapping names a trait for it';
COMMENT ON COLUMN relay.profiles.locale IS 'the last valid locale, such as en_GB, where the mapping names a trait for it';
COMMENT ON COLUMN relay.profiles.timezone IS 'the last valid IANA time zone name, where the mapping names a trait for it';
COMMENT ON COLUMN relay.profiles.channels IS 'all valid values of each channel, oldest first; channels without a value are absent';
COMMENT ON COLUMN relay.profiles.first_identified_at IS 'the least observed-at of the identify calls';
COMMENT ON COLUMN relay.profiles.last_identified_at IS 'the greatest observed-at of the identify calls';
COMMENT ON VIEW relay.profile_channels IS 'A row for each value of each channel of a person';
COMMENT ON COLUMN relay.profile_channels.distinct_id IS 'the userId';
COMMENT ON COLUMN relay.profile_channels.channel IS 'email, sms, whatsapp, slack_email, slack_user_id, androidpush_fcm, androidpush_xiaomi or iospush_apns';
COMMENT ON COLUMN relay.profile_channels.value IS 'the address, number, token or id';
COMMENT ON COLUMN relay.profile_channels.first_seen_at IS 'the least observed-at of the calls that held the value';
COMMENT ON COLUMN relay.profile_channels.last_seen_at IS 'the greatest observed-at of the calls that held the value'`

// Create implements app.Tables.
func (p Profiles) Create(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, p.statements(func(part profilePart) string {
		return "CREATE TABLE relay_store." + part.table + "_g%[1]d " + part.columns
	})+";"+loadedUnloggedDDL, generation)
}

// Index implements app.Tables.
func (p Profiles) Index(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, p.statements(func(part profilePart) string {
		table := part.table + "_g%[1]d"
		return "ALTER TABLE relay_store." + table + " DROP CONSTRAINT IF EXISTS " + table + "_pkey, ADD CONSTRAINT " + table + "_pkey PRIMARY KEY (distinct_id); ANALYZE relay_store." + table
	}), generation)
}

// Adopt implements app.Tables: tables change their names, not their rows.
func (p Profiles) Adopt(ctx context.Context, tx app.Tx, from, to int64) error {
	rename := p.adopted(func(part profilePart) string {
		return fmt.Sprintf("ALTER TABLE relay_store.%[1]s_g%[2]d RENAME TO %[1]s_g%[3]d", part.table, from, to)
	})
	if rename == "" {
		return nil
	}
	if err := setLockTimeout(ctx, tx, readersPatience); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, rename); err != nil {
		return err
	}
	var rebuilt []string
	for _, part := range p.parts {
		rebuilt = append(rebuilt, projections.IssueCodes(part)...)
	}
	_, err := tx.ExecContext(ctx, `UPDATE relay_store.issues SET generation = $2 WHERE generation = $1 AND code <> ALL ($3)`, from, to, pq.Array(rebuilt))
	return err
}

// Serve implements app.Tables.
func (Profiles) Serve(ctx context.Context, tx app.Tx, generation int64) error {
	if err := setLockTimeout(ctx, tx, readersPatience); err != nil {
		return err
	}
	return execFor(ctx, tx, profilesViews, generation)
}

// Describe implements app.Tables.
func (Profiles) Describe(ctx context.Context, tx app.Tx) error {
	_, err := tx.ExecContext(ctx, profilesComments)
	return err
}

// Drop implements app.Tables.
func (Profiles) Drop(ctx context.Context, tx app.Tx, generation int64) error {
	if err := setLockTimeout(ctx, tx, readersPatience); err != nil {
		return err
	}
	all := Profiles{parts: projections.ProfilesParts()}
	return execFor(ctx, tx, all.statements(func(part profilePart) string {
		return "DROP TABLE IF EXISTS relay_store." + part.table + "_g%[1]d"
	})+"; DROP TABLE IF EXISTS relay_store.partials_g%[1]d; "+loadedDrop, generation)
}

// execFor runs statements on a generation's tables.
func execFor(ctx context.Context, tx *sql.Tx, statements string, generation int64) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf(statements, generation))
	return err
}

// Merge implements app.Tables.
func (p Profiles) Merge(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold) error {
	people := fold.(*projections.ProfilesFold).People
	if len(people) == 0 {
		return nil
	}
	known, err := p.readStates(ctx, tx, generation, people)
	if err != nil {
		return fmt.Errorf("read %d people's states: %w", len(people), err)
	}
	merged := make([]person, 0, len(people))
	for id, delta := range people {
		merged = append(merged, person{id, profile.Merge(known[id], delta)})
	}
	return p.writeStates(ctx, tx, generation, merged, true)
}
