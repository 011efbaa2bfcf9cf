package postgres

import "testing"

func TestSQLFillsMarkers(t *testing.T) {
	for _, c := range []struct {
		text  string
		pairs []any
		want  string
	}{
		{`SELECT 1`, nil, `SELECT 1`},
		{`SELECT <a> FROM t_g<generation>`, []any{"a", "x", "generation", int64(7)}, `SELECT x FROM t_g7`},
		{`<a><a> <b_c>`, []any{"a", 1, "b_c", true}, `11 true`},
		{`a <> <a> AND b < 2 AND c -> d ->> 0 <= $1 AND x <1>`, []any{"a", "y"}, `a <> y AND b < 2 AND c -> d ->> 0 <= $1 AND x <1>`},
		{`a <b`, nil, `a <b`},
		{`a <`, nil, `a <`},
		{`100 % <n>`, []any{"n", 3}, `100 % 3`},
	} {
		if got := SQL(c.text, c.pairs...); got != c.want {
			t.Errorf("SQL(%q, %v) = %q, want %q", c.text, c.pairs, got, c.want)
		}
	}
}

func TestSQLPanicsOnMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		pairs []any
	}{
		"a marker without a value":    {`SELECT <a>, <b>`, []any{"a", 1}},
		"a value without a marker":    {`SELECT <a>`, []any{"a", 1, "b", 2}},
		"a value that has a marker":   {`SELECT <a>`, []any{"a", "<b>", "b", 2}},
		"a value that is a marker":    {`SELECT <a>`, []any{"a", "<a>"}},
		"a name without a value":      {`SELECT <a>`, []any{"a"}},
		"a name that is not a string": {`SELECT <a>`, []any{1, "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("SQL(%q, %v) does not panic", c.text, c.pairs)
				}
			}()
			SQL(c.text, c.pairs...)
		})
	}
}
