package mapping

import (
	"testing"

	"relay/domain/segment"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ traits, path, want string }{
		{`{"phone":"1"}`, "phone", `"1"`},
		{`{"phone":"1","phone":"2"}`, "phone", `"2"`},
		{`{"a.b":1,"a":{"b":2}}`, "a.b", `1`},
		{`{"a":{"b":2},"a.b":null}`, "a.b", `null`},
		{`{"a":{"b":2}}`, "a.b", `2`},
		{`{"a":{"b":{"c":[3]}}}`, "a.b.c", `[3]`},
		{`{"a":{"b":null}}`, "a.b", `null`},
		{`{"a":{"":4}}`, "a.", `4`},
		{`{"":{"":5}}`, ".", `5`},
		{`{"a":{"b.c":6}}`, "a.b.c", ""}, // keys below the top are split at every dot
		{`{"a":[{"b":7}]}`, "a.b", ""},
		{`{"a":"b"}`, "a.b", ""},
		{`{"a":null}`, "a.b", ""},
		{`{}`, "a", ""},
		{`["a"]`, "a", ""},
		{`null`, "a.b", ""},
	} {
		traits, err := segment.ValueOf([]byte(c.traits))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Lookup(traits, c.path)
		if text := string(got.AppendJSON(nil)); text != c.want || ok != (c.want != "") {
			t.Errorf("%s of %s: got %s %v, want %s", c.path, c.traits, text, ok, c.want)
		}
	}
	if _, ok := Lookup(segment.Value{}, "a.b"); ok {
		t.Error("something in no traits")
	}
}
