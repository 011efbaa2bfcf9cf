package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are texts near the edges of JSON.
var seeds = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `1.5e+10`, `1E-2`, `""`, `"\u0041\n\/"`, `[1,[2,[3]],{"a":{"b":[]}}]`, ` { "a" : 1 , "b" : [ ] } `,
	`{"a":1,"a":2}`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\u0000"`, `{"\u0000":"\ud800"}`, "\"\x7f\u2028é\"",
	``, ` `, `{`, `[`, `"`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `[1,`, `[1,]`, `[,]`, `{,}`, `{1:2}`, `01`, `1.`, `.5`, `-`, `+1`, `1e`, `1e+`, `nul`, `nulll`, `truefalse`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", `1 2`, `{} {}`, `]`, `}`, `[}`, `{]`, `[1}`, `{"a":1]`,
	"\ufeff{}", "\"\xff\"", `{"a":tru}`, `["a" "b"]`, `{"a" 1}`, `{"a":1 "b":2}`,
}

func TestScannerAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, s := range seeds {
		checkAgainstStandard(t, []byte(s))
	}
}

func FuzzScanner(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAgainstStandard(t, data) })
}

// checkAgainstStandard holds the scanner against the standard library, which
// also takes bytes that are no UTF-8, and puts U+FFFD for unpaired surrogates.
func checkAgainstStandard(t *testing.T, data []byte) {
	t.Helper()
	v, err := ValueOf(data)
	if got, want := err == nil, json.Valid(data) && utf8.Valid(data); got != want && !tooDeepForStandard(data) {
		t.Fatalf("%q: valid %v, the standard library says %v (%v)", data, got, want, err)
	}
	if err != nil {
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(data) {
			t.Fatalf("%q: error %v", data, err)
		}
		return
	}
	clean := v.AppendJSON(nil)
	if !json.Valid(clean) {
		t.Fatalf("%q: cleaned to %q, which is not JSON", data, clean)
	}
	again, err := ValueOf(clean)
	if err != nil || !bytes.Equal(again.AppendJSON(nil), clean) {
		t.Fatalf("%q: cleaning %q again changes it to %q (%v)", data, clean, again.AppendJSON(nil), err)
	}
	if want := standardValue(t, data); !reflect.DeepEqual(treeOf(v), want) {
		t.Fatalf("%q: read as %v, want %v", data, treeOf(v), want)
	}
}

// tooDeepForStandard: the standard library refuses more than 10,000 levels.
func tooDeepForStandard(data []byte) bool {
	return bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > 10_000
}

// standardValue reads JSON as encoding/json does, with U+FFFD for U+0000,
// and numbers beyond numeric as texts, as relay has it.
func standardValue(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return withoutZeros(v)
}

func withoutZeros(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD")
	case json.Number:
		if !isNumeric([]byte(v)) {
			return v.String()
		}
	case []any:
		for i := range v {
			v[i] = withoutZeros(v[i])
		}
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			key = strings.ReplaceAll(key, "\x00", "\uFFFD")
			if _, twice := out[key]; !twice || !strings.Contains(key, "\uFFFD") {
				out[key] = withoutZeros(member)
			}
		}
		return out
	}
	return v
}

// treeOf reads a value through its methods.
func treeOf(v Value) any {
	switch v.Kind() {
	case String:
		text, _ := v.Text()
		return text
	case Number:
		return json.Number(v.raw)
	case Bool:
		return v.raw[0] == 't'
	case Array:
		list := []any{}
		for element := range v.Elements {
			list = append(list, treeOf(element))
		}
		return list
	case Object:
		members := map[string]any{}
		for key, member := range v.Members {
			members[key] = treeOf(member)
		}
		return members
	}
	return nil
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "not JSON: it ends too early at line 1, column 1 (byte 0)",
		"{\n \"a\": nope}": `not JSON: 'n' where a value should be at line 2, column 7 (byte 8)`,
		`{"a":1`:           "not JSON: it ends too early at line 1, column 7 (byte 6)",
		`{"a":1} x`:        `not JSON: more after the value at line 1, column 9 (byte 8)`,
		"\ufeff{}":         `not JSON: a byte order mark, which should not be here, at line 1, column 1 (byte 0)`,
		"[é]":              `not JSON: 'é' where a value should be at line 1, column 2 (byte 1)`,
		"\"\xff\"":         `not JSON: bytes that are not UTF-8 at line 1, column 2 (byte 1)`,
		`[1 2]`:            `not JSON: '2' where a comma or ] should be at line 1, column 4 (byte 3)`,
	} {
		if _, err := ValueOf([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
