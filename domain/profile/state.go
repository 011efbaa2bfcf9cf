package profile

import (
	"cmp"
	"slices"
	"strings"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Trait is one register: the value that the greatest stamp wrote.
type Trait struct {
	Key   string
	Value []byte // JSON text that Postgres can keep
	Stamp eventlog.Stamp
}

// Setting is the register of a preference; valid values only. The zero Setting
// was never set.
type Setting struct {
	Value string
	Stamp eventlog.Stamp
}

// IsSet reports whether any valid value was seen.
func (s Setting) IsSet() bool { return s.Value != "" }

// ChannelValue is one member of a channel's grow-only set.
type ChannelValue struct {
	Channel     Channel
	Value       string
	First, Last segment.Instant // least and greatest observed-at
}

// State is the state of one person. The zero State is empty.
// Traits are sorted by key, Channels by channel and value; Merge and the
// functions that make states keep that order.
type State struct {
	Identified  bool            // whether First and Last are set
	First, Last segment.Instant // of the identify calls
	Traits      []Trait
	Settings    [PreferenceCount]Setting
	Channels    []ChannelValue
}

// IsEmpty reports whether the state is empty.
func (s *State) IsEmpty() bool {
	return !s.Identified && len(s.Traits) == 0 && len(s.Channels) == 0 && s.Settings == [PreferenceCount]Setting{}
}

// Merge returns the combined state of a and b. It is commutative, associative and
// idempotent: it gives the same for any order, any grouping and any repetition.
// The result may share memory with both, which must not be changed afterwards.
func Merge(a, b State) State {
	out := mergeSeen(a, b)
	out.Traits = mergeSorted(a.Traits, b.Traits, compareTraits, laterTrait)
	out.Channels = mergeSorted(a.Channels, b.Channels, compareChannelValues, widerSeen)
	for i := range out.Settings {
		out.Settings[i] = laterSetting(a.Settings[i], b.Settings[i])
	}
	return out
}

func mergeSeen(a, b State) State {
	switch {
	case !a.Identified:
		return State{Identified: b.Identified, First: b.First, Last: b.Last}
	case !b.Identified:
		return State{Identified: true, First: a.First, Last: a.Last}
	}
	return State{Identified: true, First: min(a.First, b.First), Last: max(a.Last, b.Last)}
}

func compareTraits(a, b Trait) int { return strings.Compare(a.Key, b.Key) }

func laterTrait(a, b Trait) Trait {
	if a.Stamp.Compare(b.Stamp) >= 0 {
		return a
	}
	return b
}

func laterSetting(a, b Setting) Setting {
	if !b.IsSet() || (a.IsSet() && a.Stamp.Compare(b.Stamp) >= 0) {
		return a
	}
	return b
}

func compareChannelValues(a, b ChannelValue) int {
	if c := cmp.Compare(a.Channel, b.Channel); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

func widerSeen(a, b ChannelValue) ChannelValue {
	a.First = min(a.First, b.First)
	a.Last = max(a.Last, b.Last)
	return a
}

// mergeSorted merges two sorted lists without duplicates; both combines members that
// are equal.
func mergeSorted[T any](a, b []T, compare func(T, T) int, both func(T, T) T) []T {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, both(a[0], b[0])), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// SortTraits puts the traits of one call in order; of equal keys the last stays.
func SortTraits(traits []Trait) []Trait {
	slices.SortStableFunc(traits, compareTraits)
	out := traits[:0]
	for i, t := range traits {
		if i+1 < len(traits) && traits[i+1].Key == t.Key {
			continue
		}
		out = append(out, t)
	}
	return out
}

// SortChannels puts the channel values of one call in order, each once.
func SortChannels(values []ChannelValue) []ChannelValue {
	slices.SortFunc(values, compareChannelValues)
	out := values[:0]
	for _, v := range values {
		if n := len(out); n > 0 && compareChannelValues(out[n-1], v) == 0 {
			out[n-1] = widerSeen(out[n-1], v)
			continue
		}
		out = append(out, v)
	}
	return out
}
