package tables

import (
	"slices"
	"strings"

	"relay/adapters/postgres"
	"relay/projections"
)

// StateSet says whose states a set of the parts' tables holds: it is what the
// tables' names begin with.
type StateSet string

const (
	OwnStates       StateSet = ""           // of each user id
	anonymousStates StateSet = "anonymous_" // of each anonymous id
	JoinedStates    StateSet = "joined_"    // of canonical ids that others contribute to
)

// setsOf returns the sets of states of a generation, by whether its mappings join
// ids.
func setsOf(joins bool) []StateSet {
	if joins {
		return []StateSet{OwnStates, anonymousStates, JoinedStates}
	}
	return []StateSet{OwnStates}
}

// profilePart is one table of the profiles projection, in each set of states. In
// its SQL %[1]d is the generation's number.
type profilePart struct {
	part    string
	table   string // without the set and the generation
	columns string // the table's definition
	read    string // the columns that a person's state is read from, of alias a
	absent  string // what stands for them where the table is not there
	width   int    // how many columns
	replace string // where rows may be there already
}

var profileParts = []profilePart{
	{
		part: projections.PartProperties, table: "profiles",
		columns: `(
    distinct_id         text COLLATE "C" NOT NULL,
    properties          jsonb            NOT NULL,
    stamps              bytea            NOT NULL,
    first_identified_at timestamptz      NOT NULL,
    last_identified_at  timestamptz      NOT NULL
) WITH (fillfactor = 90)`,
		width:  5,
		read:   `a.properties, a.stamps, a.first_identified_at, a.last_identified_at`,
		absent: `NULL::jsonb, NULL::bytea, NULL::timestamptz, NULL::timestamptz`,
		replace: `ON CONFLICT (distinct_id) DO UPDATE SET properties = excluded.properties, stamps = excluded.stamps,
first_identified_at = excluded.first_identified_at, last_identified_at = excluded.last_identified_at`,
	},
	{
		part: projections.PartPreferences, table: "preferences",
		columns: `(
    distinct_id        text COLLATE "C" NOT NULL,
    preferred_language text,
    locale             text,
    timezone           text,
    stamps             bytea            NOT NULL
)`,
		width:  5,
		read:   `coalesce(a.preferred_language, ''), coalesce(a.locale, ''), coalesce(a.timezone, ''), a.stamps`,
		absent: `'', '', '', NULL::bytea`,
		replace: `ON CONFLICT (distinct_id) DO UPDATE SET preferred_language = excluded.preferred_language,
locale = excluded.locale, timezone = excluded.timezone, stamps = excluded.stamps`,
	},
	{
		part: projections.PartChannels, table: "channels",
		columns: `(
    distinct_id text COLLATE "C" NOT NULL,
    channels    jsonb            NOT NULL,
    seen        jsonb            NOT NULL
) WITH (fillfactor = 90)`,
		width:   3,
		read:    `a.channels, a.seen`,
		absent:  `NULL::jsonb, NULL::jsonb`,
		replace: `ON CONFLICT (distinct_id) DO UPDATE SET channels = excluded.channels, seen = excluded.seen`,
	},
}

// statements makes one statement of each part's, given its table in the set,
// without the generation.
func (p Profiles) statements(statement func(part profilePart, table string) string) string {
	var all []string
	for _, part := range profileParts {
		if p.has(part.part) {
			all = append(all, statement(part, string(p.set)+part.table))
		}
	}
	return strings.Join(all, ";\n")
}

func (p Profiles) has(part string) bool { return slices.Contains(p.parts, part) }

// adopted makes one statement of each part's that the generation was not built
// with.
func (p Profiles) adopted(statement func(part profilePart, table string) string) string {
	others := Profiles{set: p.set}
	for _, part := range projections.ProfilesParts() {
		if !p.has(part) {
			others.parts = append(others.parts, part)
		}
	}
	return others.statements(statement)
}

// readSQL reads people's states from the tables of the parts.
func (p Profiles) readSQL() string {
	columns, joins := postgres.Keep+"SELECT i.id", "\nFROM unnest($1::text[]) AS i(id)"
	for _, part := range profileParts {
		if !p.has(part.part) {
			columns += ", " + part.absent
			continue
		}
		columns += ", " + strings.ReplaceAll(part.read, "a.", part.table+".")
		joins += "\nLEFT JOIN relay_store." + string(p.set) + part.table + "_g%[1]d " + part.table + " ON " + part.table + ".distinct_id = i.id"
	}
	return columns + joins
}
