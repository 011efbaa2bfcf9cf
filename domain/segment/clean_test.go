package segment

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestIsNumeric: where numeric ends, as PostgreSQL's own numeric_in has it.
func TestIsNumeric(t *testing.T) {
	t.Parallel()
	nines := func(n int) string { return strings.Repeat("9", n) }
	for number, want := range map[string]bool{
		"0": true, "-0.0": true, "0e1073741822": true, "0e1073741823": false, "0e-16383": true, "0e-16384": false, "0.00e-16382": false,
		"1e131071": true, "1e131072": false, "-9e131071": true, "10e131070": true, "10e131071": false, "0.1e131072": true, "0.1e131073": false, "0.001e131074": true, "0.001e131075": false,
		"1e-16383": true, "1e-16384": false, "1.5e-16382": true, "1.5e-16383": false, "1E+5": true, "1e-1073741823": false, "1e99999999999999999999": false,
		nines(131072): true, nines(131073): false, "-" + nines(131072) + ".5": true, "1." + nines(16383): true, "1." + nines(16384): false,
		nines(131073) + "e-1": true, "1." + nines(16384) + "e1": true,
	} {
		if got := isNumeric([]byte(number)); got != want {
			t.Errorf("%.40s (%d characters): %v, want %v", number, len(number), got, want)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` {"a" : [1.50, "\u0041"]} `: `{"a" : [1.50, "\u0041"]}`,
		`["\u0000","\\u0000"]`:       `["\ufffd","\\u0000"]`,
		`{"\u0000":1}`:               `{"\ufffd":1}`,
		`"\ud83d\ude00"`:             `"\ud83d\ude00"`,
		`"\ud83d\ud83d\ude00\ude00"`: `"\ufffd\ud83d\ude00\ufffd"`,
		`"\uD83Dx\uDE00"`:            `"\ufffdx\ufffd"`,
		`"\ud83d\n"`:                 `"\ufffd\n"`,
		`[1e5,1e131072,-1E+200000]`:  `[1e5,"1e131072","-1E+200000"]`,
		`{"1e999999":1e999999}`:      `{"1e999999":"1e999999"}`,
	} {
		v, err := ValueOf([]byte(text))
		if got := v.AppendJSON([]byte("kept ")); err != nil || string(got) != "kept "+want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestExponentsDoNotExplode: Postgres writes numbers out, so a value's exponents
// have a budget, and what is beyond it is kept as text.
func TestExponentsDoNotExplode(t *testing.T) {
	t.Parallel()
	v, err := ValueOf([]byte("[" + strings.Repeat("1e131071,", 199) + "1e131071]"))
	if err != nil {
		t.Fatal(err)
	}
	clean := v.AppendJSON(nil)
	if texts, want := bytes.Count(clean, []byte(`"1e131071"`)), 200-maxExpanded/131071; texts != want {
		t.Errorf("%d of 200 numbers became text, want %d", texts, want)
	}
}

// TestAMemberIsAsCleanAsItIs: what must be replaced in one member does not make
// the others slow to copy.
func TestAMemberIsAsCleanAsItIs(t *testing.T) {
	t.Parallel()
	v, err := ValueOf([]byte(`{"bad":"\u0000","number":1,"object":{"a":[1]},"worse":[1e9]}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"bad": true, "number": false, "object": false, "worse": true} {
		if member, ok := v.Get(key); !ok || member.dirty != want {
			t.Errorf("%s: %v %v, want %v", key, member.dirty, ok, want)
		}
	}
}

func FuzzValueAppendJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ValueOf(data)
		if err != nil {
			return
		}
		clean := v.AppendJSON(nil)
		if !json.Valid(clean) || !utf8.Valid(clean) {
			t.Fatalf("%q: cleaned to %q, which is not JSON", data, clean)
		}
		again, err := ValueOf(clean)
		if err != nil || !bytes.Equal(again.AppendJSON(nil), clean) {
			t.Fatalf("%q: cleaning %q again changes it to %q (%v)", data, clean, again.AppendJSON(nil), err)
		}
		if bad := refusedEscape(clean); bad != "" {
			t.Fatalf("%q: %s is left in %q", data, bad, clean)
		}
	})
}

// refusedEscape finds an escape that jsonb refuses, naively.
func refusedEscape(text []byte) string {
	rest := strings.ToLower(strings.ReplaceAll(string(text), `\\`, "__"))
	for at := strings.Index(rest, `\u`); at >= 0; at = strings.Index(rest, `\u`) {
		unit := rest[at : at+6]
		rest = rest[at+6:]
		switch {
		case unit == `\u0000`, unit >= `\udc00` && unit <= `\udfff`:
			return unit
		case unit >= `\ud800` && unit <= `\udbff`:
			if len(rest) < 6 || rest[:6] < `\udc00` || rest[:6] > `\udfff` {
				return unit
			}
			rest = rest[6:]
		}
	}
	return ""
}
