package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
)

// Canonical returns a row as JSON text in which equal rows are equal texts:
// keys sorted, numbers by value, times in UTC.
func Canonical(row any) string {
	text, err := json.Marshal(row)
	if err != nil {
		panic(fmt.Sprintf("rows always marshal: %v", err))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(fmt.Sprintf("what was marshalled is JSON: %v", err))
	}
	text, err = json.Marshal(byValue(v))
	if err != nil {
		panic(fmt.Sprintf("rows always marshal: %v", err))
	}
	return string(text)
}

// byValue puts a string that no JSON number looks like in each number's place.
func byValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return "number " + r.RatString()
		}
	case []any:
		for i := range v {
			v[i] = byValue(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = byValue(v[key])
		}
	}
	return v
}

// Diff names the rows in which two lists differ, in canonical form.
func Diff[R any](got, want []R) (differences []string) {
	counts := map[string]int{}
	for _, row := range got {
		counts[Canonical(row)]++
	}
	for _, row := range want {
		counts[Canonical(row)]--
	}
	for row, n := range counts {
		switch {
		case n > 0:
			differences = append(differences, "too many: "+row)
		case n < 0:
			differences = append(differences, "missing: "+row)
		}
	}
	return differences
}
