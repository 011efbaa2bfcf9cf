package mappingfile

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"relay/domain/mapping"
	"relay/domain/profile"
	"relay/domain/segment"
)

var fileKeys = []string{"event_prefix", "preferences", "channels", "events", "identity"}

var eventNames = mapping.Spec{Events: mapping.EventKinds}.EventNames()

func preferenceNames() (names []string) {
	for p := range profile.Preference(profile.PreferenceCount) {
		names = append(names, p.String())
	}
	return names
}

func channelNames() (names []string) {
	for c := range profile.Channel(profile.ChannelCount) {
		names = append(names, c.String())
	}
	return names
}

// spec reads the whole file.
func (r *reader) spec(root ast.Node) mapping.Spec {
	spec := mapping.Default()
	if root == nil || isNull(r.resolve(root)) {
		return spec
	}
	for _, m := range r.members(root, "", "key", fileKeys) {
		switch {
		case isNull(r.resolve(m.value)):
			r.nothing(m)
		case m.name == "event_prefix":
			spec.EventPrefix, _ = r.text(m.value, m.path, "text")
			r.places[m.path] = startOf(m.value)
		case m.name == "preferences":
			spec.Preferences = r.preferences(m)
		case m.name == "channels":
			spec.Channels = r.channels(m)
		case m.name == "events":
			spec.Events = r.events(m)
		case m.name == "identity":
			spec.Identity = r.identity(m)
		}
	}
	return spec
}

// nothing handles a key without a value. Such a key counts as absent, except where
// the default of an absent key would surprise: somebody who leaves channels empty
// means no channels.
func (r *reader) nothing(m member) {
	switch m.name {
	case "channels":
		r.add(m.at, m.path, "no value; write {} for no channels, or leave the key out for the default (email: email, sms: phone)")
	case "events":
		r.add(m.at, m.path, "no value; write [] for no events, or leave the key out for the default ([track])")
	}
}

const noTrait = "no trait is named; name one, or leave this line out"

func (r *reader) preferences(block member) (out [profile.PreferenceCount]string) {
	for _, m := range r.members(block.value, block.path, "preference", preferenceNames()) {
		p, _ := mapping.ParsePreference(m.name)
		if isNull(r.resolve(m.value)) {
			r.add(m.at, m.path, noTrait)
			continue
		}
		trait, ok := r.text(m.value, m.path, "text")
		if ok && trait == "" {
			r.add(startOf(m.value), m.path, noTrait)
		}
		out[p] = trait
		r.places[m.path] = startOf(m.value)
	}
	return out
}

func (r *reader) channels(block member) (out [profile.ChannelCount][]string) {
	for _, m := range r.members(block.value, block.path, "channel", channelNames()) {
		c, _ := profile.ParseChannel(m.name)
		if isNull(r.resolve(m.value)) {
			r.add(m.at, m.path, noTrait)
			continue
		}
		items := r.texts(m.value, m.path)
		for i, trait := range items {
			out[c] = append(out[c], trait.text)
			r.places[mapping.TraitPath(c, i, len(items))] = trait.at
		}
	}
	return out
}

func (r *reader) events(m member) (out segment.Kinds) {
	for _, name := range r.texts(m.value, m.path) {
		kind := segment.KindOfType(name.text)
		switch {
		case !mapping.EventKinds.Has(kind):
			r.add(name.at, name.path, "%q cannot become events; %s can", name.text, strings.Join(eventNames, ", "))
		case out.Has(kind):
			r.add(name.at, name.path, "%s stands in the list a second time", name.text)
		}
		out |= kind & mapping.EventKinds
	}
	return out
}

// identity also accepts false, which a plain off is in YAML 1.1, and its synonyms.
func (r *reader) identity(m member) mapping.Identity {
	if text, ok := r.resolve(m.value).(ast.ScalarNode); ok {
		switch word := strings.ToLower(scalarText(text)); word {
		case "off", "no", "n", "false":
			return mapping.Off
		default:
			if identity, ok := mapping.ParseIdentity(word); ok {
				return identity
			}
		}
	}
	r.add(startOf(m.value), m.path, "neither off nor join")
	return mapping.Off
}
