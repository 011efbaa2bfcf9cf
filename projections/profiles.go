package projections

import (
	"strings"

	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/profile"
	"relay/domain/segment"
)

// ProfilesKinds are the kinds of calls that the profiles projection reads.
const ProfilesKinds = segment.Identify

// ProfilesFold builds people's states from identify calls.
type ProfilesFold struct {
	People map[string]profile.State // by userId
	// If a mapping joins ids: the states from identify calls without a userId, by
	// anonymousId, and the links between ids.
	Joined    bool
	Anonymous map[string]profile.State
	Links     identity.State

	parts  partSet
	issues Issues
	size   int

	members []member // of the call at hand
	arena   arena
	keys    map[string]string // one copy of each trait key
}

type member struct {
	key   string
	value segment.Value
}

// NewProfilesFold returns an empty fold that makes the given parts.
func NewProfilesFold(parts []string) *ProfilesFold {
	return &ProfilesFold{
		People: map[string]profile.State{}, Anonymous: map[string]profile.State{},
		parts: partsOf(parts), issues: Issues{}, keys: map[string]string{},
	}
}

// Ignored implements Fold.
func (f *ProfilesFold) Ignored() Issues { return f.issues }

// Size implements Fold.
func (f *ProfilesFold) Size() int { return f.size }

// Reject implements Fold; the events projection records unusable calls.
func (f *ProfilesFold) Reject(*eventlog.Entry, string, int) {}

// Call implements Fold.
func (f *ProfilesFold) Call(e *eventlog.Entry, c *segment.Call, m Mapping) {
	if m.Joined {
		f.Joined = true
		f.size += AddLink(&f.Links, e, c, m)
	}
	if c.Kind != segment.Identify || c.UserID == "" && !m.Joined {
		return
	}
	at, problems := c.ObservedAt(e.ReceivedAt)
	stamp := eventlog.Stamp{At: at, Position: eventlog.Position{Offset: e.Offset, Index: int32(c.Index)}}
	isObject := f.readMembers(c.Traits)
	var s profile.State
	if f.parts.properties {
		f.issues.addTimes(e, problems)
		if !isObject {
			f.issues.Add(e, "traits_not_an_object", "traits")
		}
		s = profile.State{Identified: true, First: at, Last: at, Traits: f.traits(stamp)}
	}
	if f.parts.preferences {
		s.Settings = f.settings(e, m, stamp)
	}
	if f.parts.channels {
		s.Channels = f.channels(e, m, at)
	}
	if c.UserID != "" {
		f.add(f.People, c.UserID, s)
	} else {
		f.add(f.Anonymous, c.AnonymousID, s)
	}
}

// LateForProfiles reports whether a call matters only under identity: join. When a
// mapping first joins ids, such calls are merged from the start of the log.
func LateForProfiles(c *segment.Call) bool { return c.Kind == segment.Identify && c.UserID == "" }

const (
	preferenceCount = profile.PreferenceCount
	channelCount    = profile.ChannelCount
)

func preferenceIssue(p int) string { return "bad_" + profile.Preference(p).String() }

func channelIssue(c int) string { return "bad_" + profile.Channel(c).String() }

// Rough sizes of a person, a trait and a channel value in memory, in bytes.
const (
	personSize  = 400
	traitSize   = 64
	channelSize = 56
)

func (f *ProfilesFold) add(people map[string]profile.State, id string, s profile.State) {
	if s.IsEmpty() {
		return
	}
	known, ok := people[id]
	if !ok {
		f.size += personSize + len(id)
	}
	f.size += len(s.Traits)*traitSize + len(s.Channels)*channelSize
	people[id] = profile.Merge(known, s)
}

// readMembers keeps the top-level members of a call's traits. It reports whether the
// traits are an object, null or absent.
func (f *ProfilesFold) readMembers(traits segment.Value) bool {
	f.members = f.members[:0]
	for key, value := range traits.Members {
		f.members = append(f.members, member{f.intern(key), value})
	}
	kind := traits.Kind()
	return kind == segment.Object || kind == segment.Absent || kind == segment.Null
}

func (f *ProfilesFold) intern(key string) string {
	if known, ok := f.keys[key]; ok {
		return known
	}
	if len(f.keys) < 10_000 {
		key = strings.Clone(key)
		f.keys[key] = key
	}
	return key
}

func (f *ProfilesFold) traits(stamp eventlog.Stamp) []profile.Trait {
	if len(f.members) == 0 {
		return nil
	}
	traits := make([]profile.Trait, len(f.members))
	for i, m := range f.members {
		value := f.arena.json(m.value)
		f.size += len(value)
		traits[i] = profile.Trait{Key: m.key, Value: value, Stamp: stamp}
	}
	return profile.SortTraits(traits)
}

// lookup finds a mapped trait: an exact top-level key, whatever its value, and
// otherwise a path of keys separated by dots.
func (f *ProfilesFold) lookup(path string) segment.Value {
	if v, ok := f.member(path); ok {
		return v
	}
	head, rest, dotted := strings.Cut(path, ".")
	if !dotted {
		return segment.Value{}
	}
	v, ok := f.member(head)
	for ok && dotted {
		head, rest, dotted = strings.Cut(rest, ".")
		v, ok = v.Get(head)
	}
	if !ok {
		return segment.Value{}
	}
	return v
}

// member returns the value of a top-level key; of duplicates the last counts.
func (f *ProfilesFold) member(key string) (segment.Value, bool) {
	for i := len(f.members) - 1; i >= 0; i-- {
		if f.members[i].key == key {
			return f.members[i].value, true
		}
	}
	return segment.Value{}, false
}

func (f *ProfilesFold) settings(e *eventlog.Entry, m Mapping, stamp eventlog.Stamp) (out [profile.PreferenceCount]profile.Setting) {
	for i, trait := range m.Spec.Preferences {
		if trait == "" {
			continue
		}
		preference := profile.Preference(i)
		value := f.lookup(trait)
		if value.Kind() == segment.Absent || value.Kind() == segment.Null {
			continue
		}
		text, ok := value.Text()
		if !ok || !preference.Valid(text) {
			f.issues.Add(e, preferenceIssue(i), "trait "+trait+": "+preference.Wants())
			continue
		}
		out[i] = profile.Setting{Value: text, Stamp: stamp}
	}
	return out
}

func (f *ProfilesFold) channels(e *eventlog.Entry, m Mapping, at segment.Instant) []profile.ChannelValue {
	var out []profile.ChannelValue
	for i, traits := range m.Spec.Channels {
		for _, trait := range traits {
			out = f.channelValues(out, e, profile.Channel(i), trait, at)
		}
	}
	return profile.SortChannels(out)
}

// channelValues appends the values of one trait for a channel.
func (f *ProfilesFold) channelValues(
	out []profile.ChannelValue, e *eventlog.Entry, c profile.Channel, trait string, at segment.Instant,
) []profile.ChannelValue {
	value := f.lookup(trait)
	if value.Kind() != segment.Array {
		return f.channelValue(out, e, c, trait, value, at)
	}
	for element := range value.Elements {
		out = f.channelValue(out, e, c, trait, element, at)
	}
	return out
}

func (f *ProfilesFold) channelValue(
	out []profile.ChannelValue, e *eventlog.Entry, c profile.Channel, trait string, value segment.Value, at segment.Instant,
) []profile.ChannelValue {
	switch value.Kind() {
	case segment.Absent, segment.Null:
		return out
	case segment.String:
	default:
		f.issues.Add(e, channelIssue(int(c)), "trait "+trait+": not text")
		return out
	}
	text, _ := value.Text()
	text, ok := c.Clean(text)
	if ok {
		f.size += len(text)
		return append(out, profile.ChannelValue{Channel: c, Value: text, First: at, Last: at})
	}
	if text != "" {
		f.issues.Add(e, channelIssue(int(c)), "trait "+trait+": "+c.Wants())
	}
	return out
}
