package mapping

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"relay/domain/profile"
)

// maxText is how many characters a trait's name or the event prefix can have.
const maxText = 255

// FieldError is a mistake at one place of a spec.
type FieldError struct {
	Path    string // as in "channels.sms[1]"; a channel's only trait has no index
	Message string
}

// FieldErrors lists the mistakes in a spec, in the order of its fields.
type FieldErrors []FieldError

// Error implements error, one place a line.
func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Path + ": " + f.Message
	}
	return strings.Join(lines, "\n")
}

// Validate returns the mistakes in the spec, nil if there are none.
func (s Spec) Validate() FieldErrors {
	var out FieldErrors
	add := func(path, message string) {
		if message != "" {
			out = append(out, FieldError{path, message})
		}
	}
	add("event_prefix", badText(s.EventPrefix))
	for i, trait := range s.Preferences {
		add(preferencePath(profile.Preference(i)), badText(trait))
	}
	for i, traits := range s.Channels {
		seen := map[string]bool{}
		for j, trait := range traits {
			add(TraitPath(profile.Channel(i), j, len(traits)), badTrait(trait, seen))
			seen[trait] = true
		}
	}
	if other := s.Events &^ EventKinds; other != 0 {
		add("events", fmt.Sprintf("%v cannot become events; track, page and screen can", other))
	}
	if int(s.Identity) >= len(identityNames) {
		add("identity", "neither off nor join")
	}
	return out
}

// preferencePath is the path of a preference in a spec.
func preferencePath(p profile.Preference) string { return "preferences." + p.String() }

// TraitPath is the path of a channel's trait number i of n, from 0.
func TraitPath(c profile.Channel, i, n int) string {
	if n == 1 {
		return "channels." + c.String()
	}
	return fmt.Sprintf("channels.%v[%d]", c, i)
}

func badTrait(trait string, seen map[string]bool) string {
	switch {
	case trait == "":
		return "the trait's name is empty"
	case seen[trait]:
		return fmt.Sprintf("trait %q is in the list already", trait)
	default:
		return badText(trait)
	}
}

// badText says why Postgres or relay refuses a text, "" if neither does.
func badText(s string) string {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return "not UTF-8 text"
	case strings.ContainsRune(s, 0):
		return "the character U+0000 is not allowed"
	case n > maxText:
		return fmt.Sprintf("%d characters, %d are allowed", n, maxText)
	}
	return ""
}
