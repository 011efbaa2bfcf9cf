package postgres

import (
	"fmt"
	"strings"
)

// SQL returns the text with its markers filled: a name of small letters and
// underscores in angle brackets, such as <generation>. After the text come names
// and values in turn:
//
//	SQL(`SELECT id FROM relay_store.<table>_g<generation>`, "table", "claims", "generation", 7)
//
// Values become part of the statement as they are: they are numbers, identifiers
// and pieces of SQL that this program wrote, never what a user gave. A marker
// without a value, a value without a marker, and a value that has a marker itself
// are mistakes of the program, and SQL panics.
func SQL(text string, pairs ...any) string {
	values := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i].(string)] = fmt.Sprint(pairs[i+1])
	}
	var filled strings.Builder
	used := map[string]bool{}
	rest := text
	for before, name, after := nextMarker(rest); name != ""; before, name, after = nextMarker(rest) {
		value, known := values[name]
		if _, inner, _ := nextMarker(value); !known || inner != "" {
			panic(fmt.Sprintf("SQL: the marker <%s> has no value without markers: %s", name, text))
		}
		filled.WriteString(before)
		filled.WriteString(value)
		used[name], rest = true, after
	}
	if len(used) != len(values) {
		panic(fmt.Sprintf("SQL: the text has %d of the markers %v: %s", len(used), pairs, text))
	}
	filled.WriteString(rest)
	return filled.String()
}

// nextMarker splits a text at its first marker; name is empty where there is none.
func nextMarker(text string) (before, name, after string) {
	for at := 0; ; {
		open := strings.IndexByte(text[at:], '<')
		if open < 0 {
			return text, "", ""
		}
		at += open + 1
		length := strings.IndexFunc(text[at:], func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
		if length > 0 && text[at+length] == '>' {
			return text[:at-1], text[at : at+length], text[at+length+1:]
		}
	}
}
