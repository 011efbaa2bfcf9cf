package postgres

import (
	"context"
	"database/sql"
	"fmt"

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
	DB *sql.DB // for loading
}

var _ app.Tables = Profiles{}

// profilesDDL makes a generation's tables; %[1]d is its number.
const profilesDDL = `
CREATE TABLE relay_store.profiles_g%[1]d (
    distinct_id         text COLLATE "C" NOT NULL,
    properties          jsonb            NOT NULL,
    stamps              bytea            NOT NULL,
    first_identified_at timestamptz      NOT NULL,
    last_identified_at  timestamptz      NOT NULL
) WITH (fillfactor = 90);
CREATE TABLE relay_store.preferences_g%[1]d (
    distinct_id        text COLLATE "C" NOT NULL,
    preferred_language text,
    locale             text,
    timezone           text,
    stamps             bytea            NOT NULL
);
CREATE TABLE relay_store.channels_g%[1]d (
    distinct_id text COLLATE "C" NOT NULL,
    channels    jsonb            NOT NULL,
    seen        jsonb            NOT NULL
) WITH (fillfactor = 90)`

const profilesIndexes = `
ALTER TABLE relay_store.profiles_g%[1]d ADD CONSTRAINT profiles_g%[1]d_pkey PRIMARY KEY (distinct_id);
ALTER TABLE relay_store.preferences_g%[1]d ADD CONSTRAINT preferences_g%[1]d_pkey PRIMARY KEY (distinct_id);
ALTER TABLE relay_store.channels_g%[1]d ADD CONSTRAINT channels_g%[1]d_pkey PRIMARY KEY (distinct_id);
ANALYZE relay_store.profiles_g%[1]d, relay_store.preferences_g%[1]d, relay_store.channels_g%[1]d`

const profilesDrop = `DROP TABLE IF EXISTS relay_store.profiles_g%[1]d, relay_store.preferences_g%[1]d, relay_store.channels_g%[1]d, relay_store.partials_g%[1]d`

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
func (Profiles) Create(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, profilesDDL, generation)
}

// Index implements app.Tables.
func (Profiles) Index(ctx context.Context, tx app.Tx, generation int64) error {
	return execFor(ctx, tx, profilesIndexes, generation)
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
	return execFor(ctx, tx, profilesDrop, generation)
}

// execFor runs statements on a generation's tables.
func execFor(ctx context.Context, tx *sql.Tx, statements string, generation int64) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf(statements, generation))
	return err
}

// Merge implements app.Tables.
func (Profiles) Merge(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold) error {
	people := fold.(*projections.ProfilesFold).People
	if len(people) == 0 {
		return nil
	}
	known, err := readStates(ctx, tx, generation, people)
	if err != nil {
		return fmt.Errorf("read %d people's states: %w", len(people), err)
	}
	merged := make(map[string]profile.State, len(people))
	for id, delta := range people {
		merged[id] = profile.Merge(known[id], delta)
	}
	return writeStates(ctx, tx, generation, merged, true)
}
