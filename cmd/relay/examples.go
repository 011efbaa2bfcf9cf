package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/app"
)

// exampleWidth is how many characters wide a column of examples may be.
const exampleWidth = 48

func printExamples(c *cli.Context, examples []app.Difference) {
	if len(examples) == 0 {
		return
	}
	var rows []table.Row
	for _, d := range examples {
		for _, change := range changesOf(d) {
			rows = append(rows, table.Row{d.Key, change.what, change.before, change.after})
		}
	}
	printTableWithin(c, exampleWidth, table.Row{"for example", "what", "before", "after"}, rows)
}

// change is a column that is not the same before and after, or a member of one
// that is an object.
type change struct{ what, before, after string }

func changesOf(d app.Difference) (changes []change) {
	before, after := membersOf(d.Served), membersOf(d.Rebuilt)
	if d.Table == "events" && (before == nil || after == nil) {
		return []change{{"the row", orMissing(d.Served), orMissing(d.Rebuilt)}}
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
func withoutAsides(changes []change) []change {
	isValue := func(c change) bool { return strings.HasPrefix(c.what, "channels.") }
	values := slices.ContainsFunc(changes, isValue)
	return slices.DeleteFunc(changes, func(c change) bool {
		return values && strings.HasPrefix(c.what, "seen.")
	})
}

func appendChange(changes []change, what string, before, after json.RawMessage) []change {
	b, a := orNone(before), orNone(after)
	if b == a {
		return changes
	}
	return append(changes, change{what, b, a})
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
