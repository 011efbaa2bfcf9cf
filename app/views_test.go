package app_test

import (
	"encoding/json"
	"strings"
	"time"

	"relay/app/lookup"
)

// views are the rows of the views, each as JSON decodes it.
type views struct {
	profiles, channels, identities, events []map[string]any
}

func readViews(t tb, w *world) (v views) {
	t.Helper()
	read := func(query string) (list []map[string]any) {
		for _, row := range w.rows(t, query) {
			list = append(list, canonical(t, json.RawMessage(row)).(map[string]any))
		}
		return list
	}
	v.profiles = read(`SELECT to_jsonb(v) FROM relay.profiles v`)
	v.channels = read(`SELECT to_jsonb(v) FROM relay.profile_channels v ORDER BY channel, first_seen_at, value`)
	v.identities = read(`SELECT to_jsonb(v) FROM relay.identities v ORDER BY since, id, kind`)
	v.events = read(`SELECT to_jsonb(v) FROM relay.events v ORDER BY occurred_at DESC, log_offset DESC, log_index DESC`)
	return v
}

// canonical is a value as JSON has it, with times in one form.
func canonical(t tb, value any) any {
	t.Helper()
	if p, is := value.(lookup.Person); is {
		p.Origins, p.NoProfile = lookup.ProfileOrigins{}, "" // the views have none
		value = p
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var out any
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return sameTimes(out)
}

func sameTimes(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = sameTimes(v[key])
		}
	case []any:
		for i := range v {
			v[i] = sameTimes(v[i])
		}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return value
}

// ids returns all ids that the views name, and one that nobody has.
func (v views) ids() map[string]bool {
	ids := map[string]bool{"": true, "nobody": true}
	for _, rows := range [][]map[string]any{v.profiles, v.channels, v.identities, v.events} {
		for _, row := range rows {
			for _, column := range []string{"distinct_id", "anonymous_id", "id"} {
				if id, is := row[column].(string); is {
					ids[id] = true
				}
			}
		}
	}
	return ids
}

// where returns the rows whose columns have the values.
func where(rows []map[string]any, values map[string]any) []any {
	list := []any{}
	for _, row := range rows {
		same := true
		for column, value := range values {
			same = same && row[column] == value
		}
		if same {
			list = append(list, row)
		}
	}
	return list
}

// person puts together what the views have of whoever has the id.
func (v views) person(id string) (person map[string]any, found bool) {
	of := func(id any) map[string]any { return map[string]any{"distinct_id": id} }
	alias, owner := where(v.identities, map[string]any{"id": id, "kind": "user"}), where(v.identities, map[string]any{"id": id, "kind": "anonymous"})
	unowned := map[string]any{"distinct_id": nil, "anonymous_id": id}
	var who any
	events := []any{}
	switch {
	case len(where(v.profiles, of(id))) > 0:
		who = id
	case len(alias) > 0:
		who = alias[0].(map[string]any)["distinct_id"]
	case len(where(v.events, of(id)))+len(where(v.identities, of(id))) > 0:
		who = id
	case len(owner) > 0:
		who = owner[0].(map[string]any)["distinct_id"]
	default:
		events = where(v.events, unowned)
	}
	if who != nil {
		events = where(v.events, of(who))
	} else {
		who = id
	}
	anonymous := len(events) > 0 && events[0].(map[string]any)["distinct_id"] == nil
	person = personOf(who, anonymous, where(v.profiles, of(who)))
	person["profile_channels"], person["identities"], person["last_events"] = where(v.channels, of(who)), where(v.identities, of(who)), events[:min(len(events), 50)]
	return person, len(events)+len(where(v.profiles, of(who)))+len(where(v.identities, of(who))) > 0
}

func personOf(who any, anonymous bool, profiles []any) map[string]any {
	person := map[string]any{"id": who, "anonymous": anonymous, "profile": nil, "origins": map[string]any{"properties": nil, "preferences": nil}}
	if len(profiles) > 0 {
		person["profile"] = profiles[0]
	}
	return person
}
