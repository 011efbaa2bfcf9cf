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

// profilePart is one table of the profiles projection, in each set of states.
type profilePart struct {
	part    string
	table   string // without the set and the generation
	columns string // the table's definition
	read    string // the columns that a person's state is read from
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
		read:   `<table>.properties, <table>.stamps, <table>.first_identified_at, <table>.last_identified_at`,
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
		read:   `coalesce(<table>.preferred_language, ''), coalesce(<table>.locale, ''), coalesce(<table>.timezone, ''), <table>.stamps`,
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
		read:    `<table>.channels, <table>.seen`,
		absent:  `NULL::jsonb, NULL::jsonb`,
		replace: `ON CONFLICT (distinct_id) DO UPDATE SET channels = excluded.channels, seen = excluded.seen`,
	},
}

// in names the part's table in a set, without the generation.
func (p profilePart) in(set StateSet) string { return string(set) + p.table }

// statements makes a statement on each part's <table> of a <generation>.
func (p Profiles) statements(generation int64, statement string, more ...any) string {
	var all []string
	for _, part := range p.held() {
		all = append(all, postgres.SQL(statement, append(more, "table", part.in(p.set), "generation", generation)...))
	}
	return strings.Join(all, ";\n")
}

// held returns the parts.
func (p Profiles) held() []profilePart {
	return slices.DeleteFunc(slices.Clone(profileParts), func(part profilePart) bool { return !p.has(part.part) })
}

func (p Profiles) has(part string) bool { return slices.Contains(p.parts, part) }

// others returns the tables of the parts that the generation was not built with.
func (p Profiles) others() Profiles {
	others := Profiles{set: p.set}
	for _, part := range projections.ProfilesParts() {
		if !p.has(part) {
			others.parts = append(others.parts, part)
		}
	}
	return others
}

// readSQL reads people's states from the tables of the parts.
func (p Profiles) readSQL(generation int64) string {
	columns, joins := postgres.Keep+"SELECT i.id", "\nFROM unnest($1::text[]) AS i(id)"
	for _, part := range profileParts {
		if !p.has(part.part) {
			columns += ", " + part.absent
			continue
		}
		columns += ", " + postgres.SQL(part.read, "table", part.table)
		joins += postgres.SQL("\nLEFT JOIN <states> <table> ON <table>.distinct_id = i.id",
			"states", tableOf(part.in(p.set), generation), "table", part.table)
	}
	return columns + joins
}
