package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCutShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, want, erased string }{
		{`{"type":"track","userId":"p"}`, `null`, `[0]`},
		{` {"type":"track","userId":"q"} `, ` {"type":"track","userId":"q"} `, `[]`},
		{`[{"type":"track","userId":"p"} , {"userId":"q"}]`, `[null , {"userId":"q"}]`, `[0]`},
		{`[{"userId":"q"},{"type":"nope","userId":"p"}, 7]`, `[{"userId":"q"},null, 7]`, `[1]`},
		{`[{"userId":"p"},{"userId":"\u0070"}]`, `null`, `[0,1]`},
		{`{"context":{"ip":"1"},"batch":[{"userId":"p"}]}`, `null`, `[0]`},
		{`{"batch":[ {"userId":"p"},{"userId":"q"}],"sentAt":"x"}`, `{"batch":[ null,{"userId":"q"}],"sentAt":"x"}`, `[0]`},
		{`{"batch":[{"userId":"p"}],"batch":[{"userId":"q"}]}`, `{"batch":[{"userId":"p"}],"batch":[{"userId":"q"}]}`, `[]`},
		{`{"type":"track","userId":"p","userId":"q"}`, `{"type":"track","userId":"p","userId":"q"}`, `[]`},
		{`[{"type":"alias","userId":"q","previousId":"p"},{"type":"track","previousId":"p","userId":"q"}]`, `[null,{"type":"track","previousId":"p","userId":"q"}]`, `[0]`},
		{`{"userId":"q","traits":{"userId":"p"}}`, `{"userId":"q","traits":{"userId":"p"}}`, `[]`},
	} {
		cut, erased := cutPerson(t, new(Parser), c.body, nil)
		if list := fmt.Sprint(erased); string(cut) != c.want || strings.ReplaceAll(list, " ", ",") != c.erased {
			t.Errorf("%s: cut to %s, erased %s; want %s, %s", c.body, cut, list, c.want, c.erased)
		}
	}
}

func isP(part *Part) bool {
	return part.UserID == "p" || part.Kind == Alias && part.PreviousID == "p"
}

func cutPerson(t interface{ Fatalf(string, ...any) }, parser *Parser, body string, before []int) ([]byte, []int) {
	places, payload, err := parser.Select([]byte(body), 0, before, isP)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return Cut([]byte(body), payload, before, places)
}

// TestCutLeavesTheRest: what is not the person's stays byte for byte and keeps
// its index, in one step or in two.
func TestCutLeavesTheRest(t *testing.T) {
	t.Parallel()
	element := rapid.SampledFrom([]string{
		`{"type":"track","userId":"p","event":"E"}`, `{"type":"track","userId":"q","event":"\ud83d\ude00 \" ]"}`,
		`{"type":"identify","userId":"q","traits":{"n":[1,{"a":"}"}]}}`, `{"type":"alias","userId":"q","previousId":"p"}`,
		`{"type":"nope","userId":"p"}`, `7`, `null`, `"p"`, `[{"userId":"p"}]`, `{ }`, `{"userId":"p" , "type":"page"}`, `{"type":"screen","anonymousId":"a"}`,
	})
	space := rapid.SampledFrom([]string{"", " ", "\n\t"})
	rapid.Check(t, func(t *rapid.T) {
		elements := rapid.SliceOfN(element, 1, 6).Draw(t, "elements")
		pieces := []string{rapid.SampledFrom([]string{"[", `{"sentAt":"2026-01-01","batch":[`, `{"batch": [`}).Draw(t, "opening")}
		for i, e := range elements {
			if i > 0 {
				pieces = append(pieces, ",")
			}
			pieces = append(pieces, space.Draw(t, "space"), e, space.Draw(t, "space"))
		}
		pieces = append(pieces, map[bool]string{true: "]", false: `],"context":{"userId":"p"}}`}[pieces[0] == "["])
		body := strings.Join(pieces, "")
		want, left := slices.Clone(pieces), 0
		at := 2
		for _, e := range elements {
			if strings.Contains(e, `"userId":"p"`) && e[0] == '{' || strings.Contains(e, `"previousId":"p"`) {
				want[at] = "null"
			} else {
				left++
			}
			at += 4
		}
		cut, erased := cutPerson(t, new(Parser), body, nil)
		if text := strings.Join(want, ""); left > 0 && string(cut) != text || left == 0 && string(cut) != "null" {
			t.Fatalf("%s\ncut to %s\nwant   %s", body, cut, text)
		}
		checkCut(t, []byte(body), cut, nil, erased)
		again, both := cutPerson(t, new(Parser), string(cut), erased)
		if !bytes.Equal(again, cut) || !slices.Equal(both, erased) {
			t.Fatalf("cut again: %s, %v", again, both)
		}
	})
}

// checkCut holds a cut payload against the one before: the calls that are left
// are the same, with the same indexes.
func checkCut(t interface{ Fatalf(string, ...any) }, body, cut []byte, before, erased []int) {
	var a, b Parser
	old, err := a.ParseCut(body, 0, before)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	now, err := b.ParseCut(cut, 0, erased)
	if err != nil {
		t.Fatalf("%s: %v", cut, err)
	}
	kept := slices.DeleteFunc(slices.Clone(old.Calls), func(c Call) bool { return slices.Contains(erased, c.Index) })
	if !reflect.DeepEqual(append([]Call{}, kept...), append([]Call{}, now.Calls...)) {
		t.Fatalf("%s\ncut to %s\nhas calls %+v\nwant      %+v", body, cut, now.Calls, kept)
	}
	rejected := slices.DeleteFunc(slices.Clone(old.Rejected), func(r Rejection) bool { return slices.Contains(erased, r.Index) })
	if old.Unlisted == nil && !slices.Equal(rejected, now.Rejected) {
		t.Fatalf("%s\ncut to %s\nrejects %+v\nwant    %+v", body, cut, now.Rejected, rejected)
	}
}

func FuzzCut(f *testing.F) {
	for _, seed := range []string{`[{"userId":"p"},{"userId":"q"}]`, `{"batch":[{"userId":"p"},1],"batch":[{"userId":"p","type":"track"},2]}`, `{"userId":"p"}`, `[]`, `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var parser Parser
		places, payload, err := parser.Select(body, 0, nil, isP)
		if err != nil {
			return
		}
		total := payload.Total
		cut, erased := Cut(body, payload, nil, places)
		if !json.Valid(cut) && json.Valid(body) {
			t.Fatalf("%q cut to %q", body, cut)
		}
		if len(places) == 0 && total > 0 && !bytes.Equal(cut, body) {
			t.Fatalf("%q changed to %q", body, cut)
		}
		checkCut(t, body, cut, nil, erased)
		if left, _, _ := parser.Select(cut, 0, erased, isP); len(left) > 0 {
			t.Fatalf("%q cut to %q still holds %v", body, cut, left)
		}
	})
}
