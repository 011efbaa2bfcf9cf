package wire

import (
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres/postgrestest"
	"relay/domain/segment"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestNumbersBeyondNumeric: a number is kept as it came exactly where the
// server's jsonb takes it, and becomes a string elsewhere.
func TestNumbersBeyondNumeric(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t)
	numbers := []string{
		"0", "-0", "0e999999999999", "0.0e-99999", "1e131071", "1e131072", "9e131071", "10e131070", "10e131071", "0.1e131072", "0.1e131073", "1e-16383", "1e-16384", "1.5e-16382", "1.5e-16383",
		"1e400", "1e-400", "1e1073741822", "1e1073741823", "1e-1073741823", "1e99999999999999999999", "1e+5", "1E5", "0e-16384", "0.00e-16382",
		strings.Repeat("9", 131072), strings.Repeat("9", 131073), "1." + strings.Repeat("0", 16383), "1." + strings.Repeat("0", 16384), strings.Repeat("9", 10_001),
	}
	for _, n := range numbers {
		checkNumber(t, db, n)
	}
	digits := rapid.StringMatching(`(0|[1-9][0-9]{0,5})(\.[0-9]{1,5})?`)
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.SampledFrom([]int{0, 131072, -16383, 1 << 30, -(1 << 30)}).Draw(t, "near")
		n := fmt.Sprintf("%se%d", digits.Draw(t, "digits"), near+rapid.IntRange(-12, 12).Draw(t, "off"))
		checkNumber(t, db, n)
	})
}

// refusedBefore16 are numbers that PostgreSQL takes from version 16 on. Rows are
// the same on every version, so these are strings on all.
var refusedBefore16 = regexp.MustCompile(`^0(\.0+)?e-?1073741823$`)

func checkNumber(t interface{ Fatalf(string, ...any) }, db *sql.DB, number string) {
	v, err := segment.ValueOf([]byte(number))
	if err != nil {
		t.Fatalf("%.60s: %v", number, err)
	}
	clean := string(v.AppendJSON(nil))
	_, refused := db.Exec(`SELECT $1::text::jsonb`, number)
	if taken := refused == nil && !refusedBefore16.MatchString(number); taken != (clean == number) {
		t.Fatalf("%.60s (%d characters): the server says %v, it was cleaned to %.60s", number, len(number), refused, clean)
	}
}

// TestCleanedJSONIsTaken: whatever JSON holds, the server takes it cleaned.
func TestCleanedJSONIsTaken(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t)
	piece := rapid.SampledFrom([]string{`a`, `é`, `\u0000`, `\ud800`, `\udc00`, `\ud83d\ude00`, `\\`, `\"`, `\n`, `\\u0000`, `\/`, "\u2028", "\x7f"})
	rapid.Check(t, func(t *rapid.T) {
		text := `"` + strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "text"), "") + `"`
		json := fmt.Sprintf(`{%s:[%s,1e999999,{%s:1,%s:2}]}`, text, text, text, text)
		v, err := segment.ValueOf([]byte(json))
		if err != nil {
			t.Fatalf("%s: %v", json, err)
		}
		want, _ := segment.ValueOf([]byte(text))
		wantText, _ := want.Text()
		column := NewColumn(oidJSONB)
		column.JSON(v.AppendJSON(nil))
		var got string
		if err := db.QueryRow(`SELECT x -> $2 ->> 0 FROM unnest($1::jsonb[]) x`, column, wantText).Scan(&got); err != nil || got != wantText {
			t.Fatalf("%s as %s: %q, want %q (%v)", json, v.AppendJSON(nil), got, wantText, err)
		}
	})
}
