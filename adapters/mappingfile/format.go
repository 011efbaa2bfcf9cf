package mappingfile

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"relay/domain/mapping"
	"relay/domain/profile"
)

//go:embed template.yaml
var template []byte

// Template returns the file that a new mapping begins with: mapping.Reference,
// each key explained.
func Template() []byte { return slices.Clone(template) }

// Format returns a spec as a mapping file with every key, which Parse reads as
// an equal spec.
func Format(s mapping.Spec) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event_prefix: %s\n", strconv.Quote(s.EventPrefix))
	var lines []string
	for i, trait := range s.Preferences {
		if trait != "" {
			lines = append(lines, profile.Preference(i).String()+": "+scalar(trait))
		}
	}
	writeBlock(&b, "preferences", lines)
	lines = nil
	for i, traits := range s.Channels {
		if len(traits) > 0 {
			lines = append(lines, profile.Channel(i).String()+": "+list(traits))
		}
	}
	writeBlock(&b, "channels", lines)
	fmt.Fprintf(&b, "events: [%s]\n", strings.Join(s.EventNames(), ", "))
	fmt.Fprintf(&b, "identity: %v\n", s.Identity)
	return b.Bytes()
}

// writeBlock writes {} for a block without lines: an empty one says nothing.
func writeBlock(b *bytes.Buffer, key string, lines []string) {
	if len(lines) == 0 {
		fmt.Fprintf(b, "%s: {}\n", key)
		return
	}
	fmt.Fprintf(b, "%s:\n", key)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", line)
	}
}

func list(traits []string) string {
	if len(traits) == 1 {
		return scalar(traits[0])
	}
	texts := make([]string, len(traits))
	for i, trait := range traits {
		texts[i] = scalar(trait)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// plain are the texts that every YAML reads as text without quotes, but for the
// words below.
var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

var reserved = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}

// scalar quotes where it must. The escapes of Go's quotes are YAML's too.
func scalar(s string) string {
	if plain.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
