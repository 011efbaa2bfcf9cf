package console

import (
	"net/http"

	"relay/domain/mapping"
	"relay/domain/profile"
	"relay/domain/segment"
)

// mappingForm is a mapping as the form shows it.
type mappingForm struct {
	Prefixed    bool
	Prefix      string
	Preferences []formRow
	Channels    []formRow
	Events      []formChoice
	Identities  []formChoice
}

// formRow is what one preference or channel is taken from. An empty trait has
// room for one more.
type formRow struct {
	Name   string
	Traits []string
}

type formChoice struct {
	Name   string
	Chosen bool
}

const usualPrefix = "segment : "

func formOf(s mapping.Spec) mappingForm {
	f := mappingForm{Prefixed: s.EventPrefix != "", Prefix: s.EventPrefix}
	if !f.Prefixed {
		f.Prefix = usualPrefix
	}
	for i, trait := range s.Preferences {
		f.Preferences = append(f.Preferences, formRow{profile.Preference(i).String(), []string{trait}})
	}
	for i, traits := range s.Channels {
		f.Channels = append(f.Channels, formRow{profile.Channel(i).String(), append(append([]string{}, traits...), "")})
	}
	for _, kind := range []segment.Kinds{segment.Track, segment.Page, segment.Screen} {
		f.Events = append(f.Events, formChoice{kind.String(), s.Events.Has(kind)})
	}
	for _, identity := range []mapping.Identity{mapping.Off, mapping.Join} {
		f.Identities = append(f.Identities, formChoice{identity.String(), s.Identity == identity})
	}
	return f
}

// readForm reads the form as it was sent.
func readForm(r *http.Request) mappingForm {
	var s mapping.Spec
	_ = r.ParseForm() // whoever called it read a value of it
	if r.PostFormValue("prefixed") != "" {
		s.EventPrefix = r.PostFormValue("prefix")
	}
	for i := range s.Preferences {
		s.Preferences[i] = r.PostFormValue("preference." + profile.Preference(i).String())
	}
	for i := range s.Channels {
		for _, trait := range r.PostForm["channel."+profile.Channel(i).String()] {
			if trait != "" {
				s.Channels[i] = append(s.Channels[i], trait)
			}
		}
	}
	for _, name := range r.PostForm["events"] {
		s.Events |= segment.KindOfType(name)
	}
	s.Identity, _ = mapping.ParseIdentity(r.PostFormValue("identity"))
	f := formOf(s)
	if !f.Prefixed && r.PostFormValue("prefix") != "" {
		f.Prefix = r.PostFormValue("prefix")
	}
	return f
}

// spec is the mapping that the form says.
func (f mappingForm) spec() mapping.Spec {
	var s mapping.Spec
	if f.Prefixed {
		s.EventPrefix = f.Prefix
	}
	for i, row := range f.Preferences {
		s.Preferences[i] = row.Traits[0]
	}
	for i, row := range f.Channels {
		for _, trait := range row.Traits {
			if trait != "" {
				s.Channels[i] = append(s.Channels[i], trait)
			}
		}
	}
	for _, choice := range f.Events {
		if choice.Chosen {
			s.Events |= segment.KindOfType(choice.Name)
		}
	}
	for _, choice := range f.Identities {
		if choice.Chosen {
			s.Identity, _ = mapping.ParseIdentity(choice.Name)
		}
	}
	return s
}
