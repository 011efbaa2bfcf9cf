package segment

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMayBeOf(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"type":"track","userId":"u1"}`:                              true,
		`{"type":"track", "userId" : "u1"}`:                           true,
		`{"type":"track","userId":"u2"}`:                              false,
		`{"type":"track","userId":"u12"}`:                             false,
		`{"type":"track","userId":17}`:                                true,
		`{"type":"track","userId":170}`:                               false,
		`{"type":"track","userId":null,"anonymousId":"u1"}`:           false,
		`{"type":"track","userId":"\u00751"}`:                         true,
		`{"type":"track","\u0075serId":"u1"}`:                         true,
		`{"type":"track","userId":"u2","event":"a\u0026b\u00e9\n\/"}`: false,
		`[{"userId":"u2"},{"userId":"u1"}]`:                           true,
		`{"event":"userId","userId":"u1"}`:                            true,
		`{"userId"`:                                                   false,
		`{"userId":"`:                                                 false,
		`{"userId":`:                                                  false,
	} {
		if got := MayBeOf([]byte(body), someone); got != want {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
}

// someone accepts two ids.
func someone(id []byte) bool { return string(id) == "u1" || string(id) == "17" }

// checkMayBeOf holds the search against what Parse finds.
func checkMayBeOf(t interface{ Fatalf(string, ...any) }, body []byte) {
	var p Parser
	payload, err := p.Parse(body, Identify)
	if err != nil {
		return
	}
	for _, c := range payload.Calls {
		if someone([]byte(c.UserID)) && !MayBeOf(body, someone) {
			t.Fatalf("%q holds a call of %s, which the search passes over", body, c.UserID)
		}
	}
}

// TestMayBeOfPassesOverNobody: however a key or an id is written.
func TestMayBeOfPassesOverNobody(t *testing.T) {
	t.Parallel()
	spell := func(t *rapid.T, text string) string {
		var out strings.Builder
		for _, r := range text {
			if rapid.IntRange(0, 9).Draw(t, "escape") == 0 {
				out.WriteString(`\u00` + rapid.SampledFrom([]func(string) string{strings.ToUpper, strings.ToLower}).Draw(t, "case")(strconv.FormatInt(int64(r), 16)))
			} else {
				out.WriteRune(r)
			}
		}
		return `"` + out.String() + `"`
	}
	member := rapid.Custom(func(t *rapid.T) string {
		key := spell(t, rapid.SampledFrom([]string{"userId", "userId", "anonymousId", "event", "traits", "type"}).Draw(t, "key"))
		value := rapid.SampledFrom([]string{`17`, `17.0`, `null`, `{"userId":"u1"}`, `"userId"`, `"a\"userId"`, `"\\"`, ""}).Draw(t, "value")
		if value == "" {
			value = spell(t, rapid.SampledFrom([]string{"u1", "u2", "track"}).Draw(t, "text"))
		}
		space := rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space")
		return key + space + ":" + space + value + space
	})
	rapid.Check(t, func(t *rapid.T) {
		call := "{" + strings.Join(rapid.SliceOfN(member, 1, 4).Draw(t, "members"), ",") + "}"
		checkMayBeOf(t, []byte(call))
		checkMayBeOf(t, []byte(`{"batch":[`+call+`,`+call+`]}`))
	})
}

func FuzzMayBeOf(f *testing.F) {
	for _, body := range []string{`{"userId":"u1"}`, `{"\u0075serId" : 17}`, `[{"userId":"\u00751"}]`, `{"batch":[{"userId":17}]}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkMayBeOf(t, body) })
}

func BenchmarkMayBeOf(b *testing.B) {
	body := []byte(benchIdentify)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if MayBeOf(body, someone) {
			b.Fatal("it is nobody's")
		}
	}
}
