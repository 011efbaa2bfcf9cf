package app

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// RowChange is a column of a row that is not the same before and after, or a
// member of one that is an object.
type RowChange struct{ What, Before, After string }

// Changes are what differs between the served and the rebuilt row.
func (d Difference) Changes() (changes []RowChange) {
	before, after := membersOf(d.Served), membersOf(d.Rebuilt)
	if d.Table == "events" && (before == nil || after == nil) {
		return []RowChange{{"the row", RowText(d.Served), RowText(d.Rebuilt)}}
	}
	for _, column := range keysOf(before, after) {
		inner, outer := membersOf(string(before[column])), membersOf(string(after[column]))
		if inner == nil && outer == nil {
			changes = appendChange(changes, column, before[column], after[column])
			continue
		}
		for _, key := range keysOf(inner, outer) {
			changes = appendChange(changes, column+"."+key, inner[key], outer[key])
		}
	}
	return withoutAsides(changes)
}

// withoutAsides leaves out when values were seen that are shown themselves.
func withoutAsides(changes []RowChange) []RowChange {
	isValue := func(c RowChange) bool { return strings.HasPrefix(c.What, "channels.") }
	values := slices.ContainsFunc(changes, isValue)
	return slices.DeleteFunc(changes, func(c RowChange) bool {
		return values && strings.HasPrefix(c.What, "seen.")
	})
}

func appendChange(changes []RowChange, what string, before, after json.RawMessage) []RowChange {
	b, a := orNone(before), orNone(after)
	if b == a {
		return changes
	}
	return append(changes, RowChange{what, b, a})
}

// membersOf returns a JSON object's members; nil of what is none.
func membersOf(text string) (members map[string]json.RawMessage) {
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return nil
	}
	return members
}

func keysOf(a, b map[string]json.RawMessage) []string {
	all := maps.Clone(b)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	maps.Copy(all, a)
	return slices.Sorted(maps.Keys(all))
}

func orNone(value json.RawMessage) string {
	if len(value) == 0 || bytes.Equal(value, []byte("null")) {
		return "(none)"
	}
	return string(value)
}

// RowText is a row of a Difference for people.
func RowText(row string) string {
	if row == "" {
		return "(no row)"
	}
	return row
}
