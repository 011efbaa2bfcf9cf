package segment

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// summary puts a payload into one line.
func summary(p Payload) string {
	var out []string
	for _, c := range p.Calls {
		out = append(out, fmt.Sprintf("%d:%s:%s/%s/%s", c.Index, c.Kind, c.UserID, c.AnonymousID, c.PreviousID))
	}
	for _, r := range p.Rejected {
		out = append(out, fmt.Sprintf("%d!%s", r.Index, r.Code))
	}
	return strings.Join(out, " ")
}

func TestParse(t *testing.T) {
	t.Parallel()
	x255, x256 := strings.Repeat("é", 255), strings.Repeat("é", 256)
	nested := func(depth int) string { // of the call itself
		return `{"type":"track","userId":"1","p":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	nestedBatch := func(depth int) string { // of an object that is no batch in the end
		return `{"type":"track","userId":"1","batch":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `,"batch":0}`
	}
	for _, c := range []struct {
		body string
		path Kinds
		want string
	}{
		{`{"type":"track","userId":"1"}`, 0, "0:track:1//"},
		{`[{"type":"track","userId":"1"},{"type":"page","anonymousId":"a"}]`, 0, "0:track:1// 1:page:/a/"},
		{`{"batch":[{"type":"track","userId":"1"},5,{"type":"x","userId":"1"}]}`, 0, "0:track:1// 1!not_an_object 2!unknown_type"},
		{`{"batch":{},"type":"track","userId":"1"}`, 0, "0:track:1//"},
		{`{"batch":[],"batch":5,"type":"track","userId":"1"}`, 0, "0:track:1//"},
		{`{"batch":[]}`, 0, ""}, {`[]`, 0, ""}, {`[[]]`, 0, "0!not_an_object"}, {`7`, 0, "0!not_an_object"},
		{`{"userId":"1"}`, 0, "0!unknown_type"}, {`{"userId":"1"}`, Screen, "0:screen:1//"}, {`{"type":null,"userId":"1"}`, Track, "0:track:1//"},
		{`{"type":"","userId":"1"}`, Track, "0!unknown_type"}, {`{"type":"group","userId":"1"}`, Track, "0:group:1//"}, {`{"type":5,"userId":"1"}`, Track, "0!unknown_type"}, {`{"type":"Track","userId":"1"}`, 0, "0!unknown_type"},
		{`{"type":"track","userId":12.50,"anonymousId":-1e3}`, 0, "0:track:12.50/-1e3/"},
		{`{"type":"track","userId":"","anonymousId":null}`, 0, "0!no_id"}, {`{"type":"track","userId":true}`, 0, "0!no_id"}, {`{"type":"track","userId":{},"anonymousId":[]}`, 0, "0!no_id"},
		{`{"type":"track","userId":"` + x255 + `"}`, 0, "0:track:" + x255 + "//"}, {`{"type":"track","userId":"` + x256 + `"}`, 0, "0!id_too_long"},
		{`{"type":"track","userId":"1","anonymousId":"` + x256 + `"}`, 0, "0!id_too_long"}, {`{"type":"track","userId":` + strings.Repeat("1", 256) + `}`, 0, "0!id_too_long"},
		{`{"type":"alias","userId":"1"}`, 0, "0!no_id"}, {`{"type":"alias","userId":"1","previousId":2}`, 0, "0:alias:1//2"}, {`{"type":"alias","anonymousId":"1","previousId":"2"}`, 0, "0!no_id"},
		{`{"type":"alias","userId":"1","previousId":"` + x256 + `"}`, 0, "0!id_too_long"}, {`{"type":"track","userId":"1","previousId":"` + x256 + `"}`, 0, "0:track:1//"},
		{`{"type":"delete","userId":"1"}`, 0, "0:delete:1//"},
		{`{"type":"track","userId":"a","us\u0065rId":"b\u0000\ud800"}`, 0, "0:track:b\uFFFD\uFFFD//"},
		{nestedBatch(512), 0, "0:track:1//"}, {nestedBatch(513), 0, "0!too_deep"}, {nested(512), 0, "0:track:1//"}, {nested(513), 0, "0!too_deep"}, {"[" + nested(512) + "," + nested(513) + "]", 0, "0:track:1// 1!too_deep"}, {`{"batch":[` + nested(512) + `]}`, 0, "0:track:1//"},
	} {
		p, err := new(Parser).Parse([]byte(c.body), c.path)
		if err != nil || summary(p) != c.want {
			t.Errorf("%.80q: %.200q, %v; want %.200q", c.body, summary(p), err, c.want)
		}
		if p.Total != len(p.Calls)+len(p.Rejected) || p.Kinds.Has(Unusable) != (len(p.Rejected) > 0) {
			t.Errorf("%.80q: total %d, kinds %s", c.body, p.Total, p.Kinds)
		}
	}
	for _, body := range []string{"", "{", "\ufeff{}", "{\"type\":\"track\",\"userId\":\"\xff\"}", strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<20)} {
		if _, err := new(Parser).Parse([]byte(body), 0); err == nil {
			t.Errorf("%.40q is taken for JSON", body)
		}
	}
}

func TestKindsOfAPayload(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Kinds{
		`[{"type":"identify","userId":"1"},{"type":"track","userId":"1"}]`: Identify | Track,
		`{"type":"track","userId":"1","anonymousId":"a"}`:                  Track | Claims,
		`{"type":"alias","userId":"1","anonymousId":"a","previousId":"2"}`: Alias,
		`{"type":"delete","userId":"1","anonymousId":"a"}`:                 Delete,
		`[{"type":"page","userId":"1"},{"type":"nope"}]`:                   Page | Unusable,
	} {
		if p, err := new(Parser).Parse([]byte(body), 0); err != nil || p.Kinds != want {
			t.Errorf("%s: %s, %v; want %s", body, p.Kinds, err, want)
		}
	}
}

// TestAParserForgets: what one payload held does not show in the next.
func TestAParserForgets(t *testing.T) {
	t.Parallel()
	bodies := rapid.SampledFrom([]string{
		`{"type":"track","userId":"1","event":"E","properties":{"a":1}}`, `[{"type":"identify","anonymousId":"a"},7]`, `{"batch":[{"type":"page","userId":"2"}],"sentAt":"2026-01-01"}`, `{`, `[]`,
	})
	rapid.Check(t, func(t *rapid.T) {
		var used Parser
		for _, body := range rapid.SliceOf(bodies).Draw(t, "bodies") {
			got, err := used.Parse([]byte(body), 0)
			want, wantErr := new(Parser).Parse([]byte(body), 0)
			if (err == nil) != (wantErr == nil) || summary(got) != summary(want) || got.Kinds != want.Kinds || got.Total != want.Total {
				t.Fatalf("%s: %s %v, want %s %v", body, summary(got), err, summary(want), wantErr)
			}
		}
	})
}

func TestFirstElement(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`[{"a":1},2]`: `{"a":1}`, " [ {\"a\" : 1}\n, 2]": `{"a" : 1}`, `[1]`: "1", `[]`: "", `{}`: "", ``: "", `[`: "", `[x]`: "", `["a,]"]`: `"a,]"`,
	} {
		if got := string(FirstElement([]byte(body))); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// TestAParserLetsGo: a payload's memory is not held for the next ones.
func TestAParserLetsGo(t *testing.T) {
	t.Parallel()
	var p Parser
	for _, body := range []string{`[{"type":"track","userId":1,"traits":{}},{"type":"track","userId":2,"traits":{}}]`, `[]`} {
		if _, err := p.Parse([]byte(body), 0); err != nil {
			t.Fatal(err)
		}
	}
	if room := p.payload.Calls[:2]; room[0].Traits.raw != nil || room[1].UserID != "" {
		t.Errorf("an empty payload still holds %+v", room)
	}
	huge := "[" + strings.Repeat(`0,{"type":"track","userId":1},`, keptCalls+1) + "0]"
	if payload, err := p.Parse([]byte(huge), 0); err != nil || payload.Total != 2*keptCalls+3 {
		t.Fatal(err, payload.Total)
	}
	if _, err := p.Parse([]byte(`[]`), 0); err != nil || cap(p.payload.Calls) > keptCalls || cap(p.payload.Rejected) > keptCalls {
		t.Errorf("%v, room for %d and %d calls", err, cap(p.payload.Calls), cap(p.payload.Rejected))
	}
}

func TestHugeBodies(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	for _, body := range []string{
		strings.Repeat("[", 32<<20), strings.Repeat(`{"a":`, size/5), `{"batch":` + strings.Repeat("[", size), strings.Repeat(" ", size), `"` + strings.Repeat("x", size), strings.Repeat("9", size) + ".",
	} {
		if _, err := new(Parser).Parse([]byte(body), 0); err == nil || !strings.Contains(err.Error(), "it ends too early") {
			t.Errorf("%.10s…: %v", body, err)
		}
	}
	deep := strings.Repeat("[", size/2) + strings.Repeat("]", size/2)
	if p, err := new(Parser).Parse([]byte(`[{"type":"track","userId":1,"properties":`+deep+`},{"type":"track","userId":2}]`), 0); err != nil || summary(p) != "1:track:2// 0!too_deep" {
		t.Errorf("%s, %v", summary(p), err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), uint32(0))
	}
	f.Add([]byte(`{"batch":[{"type":"alias","userId":1,"previousId":"2","timestamp":"2026-01-01"}],"sentAt":"x"}`), uint32(Track))
	f.Fuzz(func(t *testing.T, body []byte, path uint32) {
		kind := Kinds(path) & (Delete<<1 - 1)
		p, err := new(Parser).Parse(body, kind)
		if valid := utf8.Valid(body) && json.Valid(body); (err == nil) != valid && !tooDeepForStandard(body) {
			t.Fatalf("%q: %v, the standard library says %v", body, err, valid)
		}
		if err != nil {
			return
		}
		if p.Total != len(p.Calls)+len(p.Rejected) || p.Kinds.Has(Unusable) != (len(p.Rejected) > 0) {
			t.Fatalf("%q: total %d of %s, kinds %s", body, p.Total, summary(p), p.Kinds)
		}
		for i := range p.Calls {
			c := &p.Calls[i]
			at, _ := c.ObservedAt(1_700_000_000_000_000)
			if at > 1_700_000_000_000_000 || at < earliest || c.UserID == "" && c.AnonymousID == "" {
				t.Fatalf("%q: observed at %d, %+v", body, at, c)
			}
			for key, v := range c.Traits.Members {
				if _, err := ValueOf(v.AppendJSON(nil)); err != nil || strings.ContainsRune(key, 0) {
					t.Fatalf("%q: trait %q %v", body, key, err)
				}
			}
		}
	})
}
