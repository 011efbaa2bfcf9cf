// Package model is the plainest reading of the projection rules: every payload
// read with encoding/json, every call looked at again for each question, nothing
// fast. Tests hold the real projections against it. It shares no code with them,
// and no program uses it.
package model

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// Mapping is a mapping version's content.
type Mapping struct {
	EventPrefix string              `json:"event_prefix"`
	Preferences map[string]string   `json:"preferences"` // trait by language, locale, timezone
	Channels    map[string][]string `json:"channels"`    // traits by channel
	Events      []string            `json:"events"`
	Identity    string              `json:"identity"` // join; anything else: off
}

// Default is version 1.
func Default() Mapping {
	return Mapping{Channels: map[string][]string{"email": {"email"}, "sms": {"phone"}}, Events: []string{"track"}}
}

// Span says that from an offset on a version holds.
type Span struct {
	From    int64 `json:"from"`
	Version int   `json:"version"`
}

// Entry is a payload in the log.
type Entry struct {
	Offset     int64
	ReceivedAt time.Time
	Source     string
	PathType   string // type that the route stands for; empty: none
	Body       []byte
}

// World is a log and what it means.
type World struct {
	Entries  []Entry
	Mappings map[int]Mapping
	Timeline []Span // ascending; version 1 before the first
}

func (w World) version(offset int64) int {
	version := 1
	for _, s := range w.Timeline {
		if s.From <= offset {
			version = s.Version
		}
	}
	return version
}

// Activate returns the timeline in which the version holds from the offset on.
func Activate(timeline []Span, at int64, version int) []Span {
	return append(slices.Clone(timeline), Span{at, version})
}

// Reproject returns the timeline in which the version holds from the offset on, whatever held there; below
// it the timeline stays.
func Reproject(timeline []Span, from int64, version int) []Span {
	var out []Span
	for _, s := range timeline {
		if s.From < from {
			out = append(out, s)
		}
	}
	return append(out, Span{from, version})
}

// Profile is a row of relay.profiles.
type Profile struct {
	DistinctID string              `json:"distinct_id"`
	Properties any                 `json:"properties"`
	Language   *string             `json:"preferred_language"`
	Locale     *string             `json:"locale"`
	Timezone   *string             `json:"timezone"`
	Channels   map[string][]string `json:"channels"`
	First      time.Time           `json:"first_identified_at"`
	Last       time.Time           `json:"last_identified_at"`
}

// ProfileChannel is a row of relay.profile_channels.
type ProfileChannel struct {
	DistinctID string    `json:"distinct_id"`
	Channel    string    `json:"channel"`
	Value      string    `json:"value"`
	First      time.Time `json:"first_seen_at"`
	Last       time.Time `json:"last_seen_at"`
}

// Event is a row of relay.events.
type Event struct {
	LogOffset   int64     `json:"log_offset"`
	LogIndex    int       `json:"log_index"`
	MessageID   string    `json:"message_id"`
	Type        string    `json:"type"`
	Name        string    `json:"event_name"`
	DistinctID  *string   `json:"distinct_id"`
	AnonymousID *string   `json:"anonymous_id"`
	Properties  any       `json:"properties"`
	OccurredAt  time.Time `json:"occurred_at"`
	ReceivedAt  time.Time `json:"received_at"`
	Source      string    `json:"source"`
	Version     int       `json:"mapping_version"`
}

// Rows is what people query.
type Rows struct {
	Profiles        []Profile
	ProfileChannels []ProfileChannel
	Events          []Event
	Identities      []Identity
}

// call is a usable call with everything that the rules ask of it.
type call struct {
	entry    Entry
	index    int
	kind     string
	fields   map[string]any
	userID   string
	anonID   string
	previous string // an alias's
	at       time.Time
	version  int
	mapping  Mapping
}

// Fold gives the rows of a world.
func Fold(w World) Rows {
	var calls []call
	for _, e := range w.Entries {
		for _, c := range callsOf(e) {
			c.version = w.version(e.Offset)
			c.mapping = w.Mappings[c.version]
			if c.version == 1 {
				c.mapping = Default()
			}
			calls = append(calls, c)
		}
	}
	// The order in which writes to a register count (rule 9).
	byTime := slices.Clone(calls)
	sort.SliceStable(byTime, func(i, j int) bool {
		a, b := byTime[i], byTime[j]
		if !a.at.Equal(b.at) {
			return a.at.Before(b.at)
		}
		if a.entry.Offset != b.entry.Offset {
			return a.entry.Offset < b.entry.Offset
		}
		return a.index < b.index
	})
	var rows Rows
	links := linksOf(byTime)
	people := map[string][]call{}
	for _, c := range byTime {
		if id := links.personOf(c); c.kind == "identify" && id != "" {
			people[id] = append(people[id], c)
		}
	}
	for id, identifies := range people {
		rows.addPerson(id, identifies)
	}
	rows.addEvents(calls, links)
	rows.addIdentities(links)
	sort.Slice(rows.Profiles, func(i, j int) bool { return rows.Profiles[i].DistinctID < rows.Profiles[j].DistinctID })
	sort.Slice(rows.ProfileChannels, func(i, j int) bool {
		a, b := rows.ProfileChannels[i], rows.ProfileChannels[j]
		return a.DistinctID+"\x00"+a.Channel+"\x00"+a.Value < b.DistinctID+"\x00"+b.Channel+"\x00"+b.Value
	})
	return rows
}

// addPerson makes the rows of one person of their identify calls, in order of
// observed-at and position.
func (rows *Rows) addPerson(id string, identifies []call) {
	p := Profile{DistinctID: id, First: identifies[0].at, Last: identifies[len(identifies)-1].at, Channels: map[string][]string{}}
	properties := map[string]any{}
	var seen []ProfileChannel
	for _, c := range identifies {
		traits, _ := c.fields["traits"].(map[string]any)
		for key, value := range traits {
			properties[key] = value
		}
		for name, trait := range c.mapping.Preferences {
			p.prefer(name, find(traits, trait))
		}
		for channel, list := range c.mapping.Channels {
			for _, trait := range list {
				for _, value := range channelValues(channel, find(traits, trait)) {
					seen = append(seen, ProfileChannel{id, channel, value, c.at, c.at})
				}
			}
		}
	}
	p.Properties = properties
	for _, v := range distinct(seen) {
		p.Channels[v.Channel] = append(p.Channels[v.Channel], v.Value)
		rows.ProfileChannels = append(rows.ProfileChannels, v)
	}
	rows.Profiles = append(rows.Profiles, p)
}

func (p *Profile) prefer(name string, value any) {
	text, ok := value.(string)
	if !ok {
		return
	}
	switch {
	case name == "language" && isLanguage(text):
		p.Language = &text
	case name == "locale" && isLocale(text):
		p.Locale = &text
	case name == "timezone" && isTimezone(text):
		p.Timezone = &text
	}
}

// distinct joins equal values, and orders by first seen and value (rule 14).
func distinct(seen []ProfileChannel) []ProfileChannel {
	var out []ProfileChannel
next:
	for _, v := range seen {
		for i := range out {
			if out[i].Channel == v.Channel && out[i].Value == v.Value {
				if v.First.Before(out[i].First) {
					out[i].First = v.First
				}
				if v.Last.After(out[i].Last) {
					out[i].Last = v.Last
				}
				continue next
			}
		}
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool {
		if !out[i].First.Equal(out[j].First) {
			return out[i].First.Before(out[j].First)
		}
		return out[i].Value < out[j].Value
	})
	return out
}

// addEvents makes the rows of the calls, which stand in order of position.
func (rows *Rows) addEvents(calls []call, links links) {
	taken := map[string]bool{}
	for _, c := range calls {
		name := c.eventName()
		if name == "" || !slices.Contains(c.mapping.Events, c.kind) || taken[c.messageID()] {
			continue
		}
		taken[c.messageID()] = true
		properties, ok := c.fields["properties"].(map[string]any)
		if !ok {
			properties = map[string]any{}
		}
		rows.Events = append(rows.Events, Event{
			LogOffset: c.entry.Offset, LogIndex: c.index, MessageID: c.messageID(), Type: c.kind, Name: c.mapping.EventPrefix + name,
			DistinctID: orNil(links.personOf(c)), AnonymousID: orNil(c.anonID), Properties: properties,
			OccurredAt: c.at, ReceivedAt: c.entry.ReceivedAt, Source: c.entry.Source, Version: c.version,
		})
	}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (c call) text(field string) string {
	s, _ := c.fields[field].(string)
	return s
}

func (c call) eventName() string {
	what := map[string]string{"page": "Page", "screen": "Screen"}[c.kind]
	if what == "" {
		return c.text("event")
	}
	words := []string{"Viewed", c.text("category"), c.text("name"), what}
	if words[1] == "" && words[2] == "" {
		return "Loaded a " + what
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
