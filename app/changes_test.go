package app_test

import (
	"slices"
	"testing"

	"relay/app"
)

func TestRowChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		difference app.Difference
		want       []app.RowChange
	}{
		"a new name": {
			app.Difference{Table: "events", Key: "m", Served: `{"event_name":"E","distinct_id":"u"}`, Rebuilt: `{"event_name":"p: E","distinct_id":"u"}`},
			[]app.RowChange{{"event_name", `"E"`, `"p: E"`}},
		},
		"a new event": {
			app.Difference{Table: "events", Key: "m", Rebuilt: `{"event_name":"E"}`},
			[]app.RowChange{{"the row", "(no row)", `{"event_name":"E"}`}},
		},
		"first settings": {
			app.Difference{Table: "profiles", Key: "u", Rebuilt: `{"preferred_language":"en","locale":null}`},
			[]app.RowChange{{"preferred_language", "(none)", `"en"`}},
		},
		"a value more": {
			app.Difference{
				Table: "profiles", Key: "u", Served: `{"channels":{"email":["a"],"sms":["1"]},"seen":{"email":[[1,1]],"sms":[[1,1]]}}`,
				Rebuilt: `{"channels":{"email":["a","b"],"sms":["1"]},"seen":{"email":[[1,1],[2,2]],"sms":[[1,1]]}}`,
			},
			[]app.RowChange{{"channels.email", `["a"]`, `["a","b"]`}},
		},
		"seen earlier": {
			app.Difference{Table: "profiles", Key: "u", Served: `{"channels":{"email":["a"]},"seen":{"email":[[2,2]]}}`, Rebuilt: `{"channels":{"email":["a"]},"seen":{"email":[[1,2]]}}`},
			[]app.RowChange{{"seen.email", "[[2,2]]", "[[1,2]]"}},
		},
	} {
		if got := c.difference.Changes(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
