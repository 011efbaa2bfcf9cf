package tables

import (
	"context"

	"relay/adapters/postgres"
	"relay/app"
)

// profilesViews must keep names, types and order of the columns: a view can
// only be replaced by one that has the same, and more after them.
const profilesViews = `
CREATE OR REPLACE VIEW relay.profiles AS
SELECT p.distinct_id, p.properties, f.preferred_language, f.locale, f.timezone,
       coalesce(c.channels, '{}'::jsonb) AS channels, p.first_identified_at, p.last_identified_at
FROM <profiles> p
LEFT JOIN <preferences> f ON f.distinct_id = p.distinct_id
LEFT JOIN <channels> c ON c.distinct_id = p.distinct_id;
CREATE OR REPLACE VIEW relay.profile_channels AS
SELECT c.distinct_id, e.channel, v.value,
       relay_store.instant((c.seen -> e.channel -> (v.place - 1)::integer ->> 0)::bigint) AS first_seen_at,
       relay_store.instant((c.seen -> e.channel -> (v.place - 1)::integer ->> 1)::bigint) AS last_seen_at
FROM <channels> c,
     jsonb_each(c.channels) AS e(channel, list),
     jsonb_array_elements_text(e.list) WITH ORDINALITY AS v(value, place);
CREATE OR REPLACE VIEW relay.identities AS <identities>`

const (
	noIdentities = `SELECT NULL::text COLLATE "C" AS id, NULL::text AS kind,
    NULL::text COLLATE "C" AS distinct_id, NULL::timestamptz AS since WHERE false`
	identities = `SELECT id, 'anonymous'::text AS kind, distinct_id, since FROM relay_store.claims_g<generation>
UNION ALL SELECT id, 'user'::text, distinct_id, since FROM relay_store.aliases_g<generation>`
)

// shown is what of a part's table people query where mappings join ids: the
// joined rows, and what user ids contribute themselves that stand for themselves
// and have no joined row.
const shown = `(
    SELECT o.* FROM relay_store.<table>_g<generation> o
    WHERE NOT EXISTS (SELECT FROM relay_store.joined_<table>_g<generation> j WHERE j.distinct_id = o.distinct_id)
      AND NOT EXISTS (SELECT FROM relay_store.aliases_g<generation> a WHERE a.id = o.distinct_id AND a.distinct_id <> a.id)
    UNION ALL SELECT j.* FROM relay_store.joined_<table>_g<generation> j)`

const profilesComments = `
COMMENT ON VIEW relay.profiles IS 'One row for each person: a userId that was in at least one identify call';
COMMENT ON COLUMN relay.profiles.distinct_id IS 'the userId; under identity: join, the one user id that stands for all ids of the person';
COMMENT ON COLUMN relay.profiles.properties IS 'all traits, each with its latest value';
COMMENT ON COLUMN relay.profiles.preferred_language IS
'the latest valid language (ISO 639-1) from the trait that the mapping names; null: none';
COMMENT ON COLUMN relay.profiles.locale IS 'the latest valid locale, such as en_GB, from the trait that the mapping names; null: none';
COMMENT ON COLUMN relay.profiles.timezone IS 'the latest valid IANA time zone from the trait that the mapping names; null: none';
COMMENT ON COLUMN relay.profiles.channels IS 'all valid values of each channel, the oldest first; a channel without values is absent';
COMMENT ON COLUMN relay.profiles.first_identified_at IS 'time of the earliest identify call';
COMMENT ON COLUMN relay.profiles.last_identified_at IS 'time of the latest identify call';
COMMENT ON VIEW relay.profile_channels IS 'One row for each value of each channel of a person';
COMMENT ON COLUMN relay.profile_channels.distinct_id IS 'the person, as in relay.profiles';
COMMENT ON COLUMN relay.profile_channels.channel IS
'email, sms, whatsapp, slack_email, slack_user_id, androidpush_fcm, androidpush_xiaomi or iospush_apns';
COMMENT ON COLUMN relay.profile_channels.value IS 'the address, number, token or id';
COMMENT ON COLUMN relay.profile_channels.first_seen_at IS 'time of the earliest call with the value';
COMMENT ON COLUMN relay.profile_channels.last_seen_at IS 'time of the latest call with the value';
COMMENT ON VIEW relay.identities IS
'The person behind each anonymous id and each aliased user id; empty unless the mapping says identity: join';
COMMENT ON COLUMN relay.identities.id IS 'an anonymous id, or an aliased user id';
COMMENT ON COLUMN relay.identities.kind IS 'anonymous or user';
COMMENT ON COLUMN relay.identities.distinct_id IS 'the user id that stands for the person, as in relay.profiles';
COMMENT ON COLUMN relay.identities.since IS 'time of the call that joined the id to the person'`

// Serve implements app.Views.
func (Profiles) Serve(ctx context.Context, tx app.Tx, generation int64) error {
	if err := postgres.SetLockTimeout(ctx, tx, postgres.ReadersPatience); err != nil {
		return err
	}
	joins, err := JoinsIDs(ctx, tx, generation)
	if err != nil {
		return err
	}
	fill := []any{"identities", noIdentities}
	if joins {
		fill[1] = postgres.SQL(identities, "generation", generation)
	}
	for _, part := range profileParts {
		fill = append(fill, part.table, shownStates(part.table, generation, joins))
	}
	_, err = tx.ExecContext(ctx, postgres.SQL(profilesViews, fill...))
	return err
}

// shownStates is what of a part's table people query, for a FROM.
func shownStates(table string, generation int64, joins bool) string {
	if joins {
		return postgres.SQL(shown, "table", table, "generation", generation)
	}
	return tableOf(table, generation)
}

// Describe implements app.Views.
func (Profiles) Describe(ctx context.Context, tx app.Tx) error {
	_, err := tx.ExecContext(ctx, profilesComments)
	return err
}
