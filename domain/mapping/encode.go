package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"relay/domain/profile"
	"relay/domain/segment"
)

// specJSON is the shape of a mapping file. Maps are written in the order of
// their keys, so equal specs have equal texts.
type specJSON struct {
	EventPrefix string            `json:"event_prefix"`
	Preferences map[string]string `json:"preferences"`
	Channels    map[string]traits `json:"channels"` // nil: absent, the default
	Events      []string          `json:"events"`   // nil: absent, the default
	Identity    string            `json:"identity"`
}

// traits is written as a string where it is one trait, else as a list.
type traits []string

// MarshalJSON implements json.Marshaler.
func (t traits) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *traits) UnmarshalJSON(data []byte) error {
	if data[0] != '"' {
		return json.Unmarshal(data, (*[]string)(t))
	}
	*t = make(traits, 1)
	return json.Unmarshal(data, &(*t)[0])
}

// MarshalJSON writes the spec in the shape of a mapping file with every key, so
// that it reads the same whatever the defaults are.
func (s Spec) MarshalJSON() ([]byte, error) {
	out := specJSON{
		EventPrefix: s.EventPrefix,
		Preferences: map[string]string{},
		Channels:    map[string]traits{},
		Events:      s.EventNames(),
		Identity:    s.Identity.String(),
	}
	for i, trait := range s.Preferences {
		if trait != "" {
			out.Preferences[profile.Preference(i).String()] = trait
		}
	}
	for i, list := range s.Channels {
		if len(list) > 0 {
			out.Channels[profile.Channel(i).String()] = list
		}
	}
	return json.Marshal(out)
}

// EventNames lists the types of the calls that become events; never nil.
func (s Spec) EventNames() []string {
	return strings.FieldsFunc((s.Events & EventKinds).String(), func(r rune) bool { return r == ',' })
}

// UnmarshalJSON reads the shape of a mapping file; absent keys have their
// defaults. It does not call Validate, so an applied mapping stays readable when
// limits change.
func (s *Spec) UnmarshalJSON(data []byte) error {
	var in specJSON
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&in); err != nil {
		return fmt.Errorf("read a mapping: %w", err)
	}
	out := Default()
	out.EventPrefix = in.EventPrefix
	if err := out.setPreferences(in.Preferences); err != nil {
		return err
	}
	if err := out.setChannels(in.Channels); err != nil {
		return err
	}
	if err := out.setEvents(in.Events); err != nil {
		return err
	}
	if in.Identity != "" {
		identity, ok := ParseIdentity(in.Identity)
		if !ok {
			return fmt.Errorf("read a mapping: unknown identity %q", in.Identity)
		}
		out.Identity = identity
	}
	*s = out
	return nil
}

func (s *Spec) setPreferences(in map[string]string) error {
	for name, trait := range in {
		p, ok := ParsePreference(name)
		if !ok {
			return fmt.Errorf("read a mapping: unknown preference %q", name)
		}
		s.Preferences[p] = trait
	}
	return nil
}

func (s *Spec) setChannels(in map[string]traits) error {
	if in == nil {
		return nil
	}
	clear(s.Channels[:])
	for name, list := range in {
		c, ok := profile.ParseChannel(name)
		if !ok {
			return fmt.Errorf("read a mapping: unknown channel %q", name)
		}
		if len(list) > 0 {
			s.Channels[c] = list
		}
	}
	return nil
}

func (s *Spec) setEvents(in []string) error {
	if in == nil {
		return nil
	}
	s.Events = 0
	for _, name := range in {
		kind := segment.KindOfType(name)
		if !EventKinds.Has(kind) {
			return fmt.Errorf("read a mapping: %q cannot become events", name)
		}
		s.Events |= kind
	}
	return nil
}
