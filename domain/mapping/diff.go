package mapping

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"relay/domain/profile"
)

// Change is one place in which two specs differ, for people to read. An unset value
// is "(none)".
type Change struct {
	Path   string `json:"path"` // as in "channels.sms"
	Before string `json:"before"`
	After  string `json:"after"`
}

const none = "(none)"

// Diff lists what changes from a to b, in the order of mapping files. It is
// empty exactly when they are equal.
func Diff(a, b Spec) []Change {
	var out []Change
	add := func(path, before, after string) {
		if before != after {
			out = append(out, Change{path, before, after})
		}
	}
	add("event_prefix", prefixText(a.EventPrefix), prefixText(b.EventPrefix))
	for i := range a.Preferences {
		add(preferencePath(profile.Preference(i)), traitText(a.Preferences[i]), traitText(b.Preferences[i]))
	}
	for i := range a.Channels {
		add("channels."+profile.Channel(i).String(), traitsText(a.Channels[i]), traitsText(b.Channels[i]))
	}
	add("events", listText(a.EventNames()), listText(b.EventNames()))
	add("identity", a.Identity.String(), b.Identity.String())
	return out
}

// prefixText is always quoted: a prefix often ends in a space.
func prefixText(prefix string) string {
	if prefix == "" {
		return none
	}
	return strconv.Quote(prefix)
}

func traitText(trait string) string {
	if trait == "" {
		return none
	}
	return quoteOdd(trait)
}

func traitsText(traits []string) string {
	texts := slices.Clone(traits)
	for i, trait := range texts {
		texts[i] = quoteOdd(trait)
	}
	return listText(texts)
}

func listText(texts []string) string {
	if len(texts) == 0 {
		return none
	}
	return strings.Join(texts, ", ")
}

// quoteOdd quotes a text whose characters could be misread.
func quoteOdd(s string) string {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-$", r) || r == unicode.ReplacementChar
	}
	if s == "" || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}
