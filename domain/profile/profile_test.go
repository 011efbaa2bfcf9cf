package profile

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

func stampGen() *rapid.Generator[eventlog.Stamp] {
	return rapid.Custom(func(t *rapid.T) eventlog.Stamp {
		return eventlog.Stamp{
			At: segment.Instant(rapid.Int64Range(-3, 3).Draw(t, "at")),
			Position: eventlog.Position{
				Offset: eventlog.Offset(rapid.Int64Range(1, 4).Draw(t, "offset")),
				Index:  rapid.Int32Range(0, 2).Draw(t, "index"),
			},
		}
	})
}

// stateGen makes states as folds make them: the value of a register follows
// from its stamp, since one call writes one value.
func stateGen() *rapid.Generator[State] {
	return rapid.Custom(func(t *rapid.T) State {
		var s State
		for range rapid.IntRange(0, 4).Draw(t, "calls") {
			s = Merge(s, callGen().Draw(t, "call"))
		}
		return s
	})
}

func callGen() *rapid.Generator[State] {
	return rapid.Custom(func(t *rapid.T) State {
		stamp := stampGen().Draw(t, "stamp")
		value := []byte{'0' + byte(stamp.At+3), '0' + byte(stamp.Offset), '0' + byte(stamp.Index)}
		s := State{Identified: true, First: stamp.At, Last: stamp.At}
		for _, key := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", ""}), rapid.ID).Draw(t, "keys") {
			s.Traits = append(s.Traits, Trait{Key: key, Value: value, Stamp: stamp})
		}
		s.Traits = SortTraits(s.Traits)
		if rapid.Bool().Draw(t, "set") {
			s.Settings[rapid.IntRange(0, PreferenceCount-1).Draw(t, "preference")] = Setting{Value: string(value), Stamp: stamp}
		}
		for _, v := range rapid.SliceOf(rapid.SampledFrom([]string{"x", "y"})).Draw(t, "values") {
			c := Channel(rapid.IntRange(0, ChannelCount-1).Draw(t, "channel"))
			s.Channels = append(s.Channels, ChannelValue{Channel: c, Value: v, First: stamp.At, Last: stamp.At})
		}
		s.Channels = SortChannels(s.Channels)
		return s
	})
}

func same(a, b State) bool {
	return reflect.DeepEqual(string(a.AppendBinary(nil)), string(b.AppendBinary(nil)))
}

func TestMergeLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := stateGen().Draw(t, "a"), stateGen().Draw(t, "b"), stateGen().Draw(t, "c")
		if !same(Merge(a, b), Merge(b, a)) {
			t.Fatal("not commutative")
		}
		if !same(Merge(Merge(a, b), c), Merge(a, Merge(b, c))) {
			t.Fatal("not associative")
		}
		if !same(Merge(a, a), a) {
			t.Fatal("not idempotent")
		}
		if !same(Merge(a, State{}), a) {
			t.Fatal("the zero state is not neutral")
		}
	})
}

func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := stateGen().Draw(t, "state")
		got, err := new(Decoder).State(s.AppendBinary(nil))
		if err != nil || !same(got, s) {
			t.Fatalf("got %+v, %v; want %+v", got, err, s)
		}
		stamps, err := DecodeTraitStamps(AppendTraitStamps(nil, s.Traits))
		if err != nil {
			t.Fatal(err)
		}
		for _, trait := range s.Traits {
			if stamps.Of(trait.Key) != trait.Stamp {
				t.Fatalf("stamp of %q: %v, want %v", trait.Key, stamps.Of(trait.Key), trait.Stamp)
			}
		}
		settings := s.Settings
		for i := range settings {
			settings[i].Stamp = eventlog.Stamp{}
		}
		if err := DecodeSettingStamps(AppendSettingStamps(nil, s.Settings), &settings); err != nil || settings != s.Settings {
			t.Fatalf("settings %v, %v; want %v", settings, err, s.Settings)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(State{}.AppendBinary(nil))
	f.Add(AppendTraitStamps(nil, []Trait{{Key: "a"}, {Key: "b", Stamp: eventlog.Stamp{At: 1}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := new(Decoder).State(data); err == nil {
			if again, err := new(Decoder).State(s.AppendBinary(nil)); err != nil || !same(again, s) {
				t.Fatalf("%+v does not survive: %+v, %v", s, again, err)
			}
		}
		_, _ = DecodeTraitStamps(data)
		var settings [PreferenceCount]Setting
		_ = DecodeSettingStamps(data, &settings)
	})
}

func TestChannelsAsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		channels := stateGen().Draw(t, "state").Channels
		values, seen := AppendChannels(nil, nil, channels)
		got, err := ParseChannels(values, seen)
		if err != nil || len(got) != len(channels) || len(got) > 0 && !reflect.DeepEqual(got, channels) {
			t.Fatalf("%s %s: got %v, %v; want %v", values, seen, got, err, channels)
		}
	})
}

func TestChannelsStandByFirstSeenThenValue(t *testing.T) {
	t.Parallel()
	values, seen := AppendChannels(nil, nil, []ChannelValue{
		{Email, "b@x.yz", 5, 9}, {Email, "c@x.yz", 1, 2}, {Email, `"q"@x.yz`, 5, 5}, {SMS, "+12345678", 7, 7},
	})
	const wantValues = `{"email":["c@x.yz","\"q\"@x.yz","b@x.yz"],"sms":["+12345678"]}`
	const wantSeen = `{"email":[[1,2],[5,5],[5,9]],"sms":[[7,7]]}`
	if string(values) != wantValues || string(seen) != wantSeen {
		t.Fatalf("got\n%s\n%s", values, seen)
	}
}

func TestPropertiesAsText(t *testing.T) {
	t.Parallel()
	got := string(AppendProperties(nil, []Trait{{Key: "a", Value: []byte("1")}, {Key: "b\"\n", Value: []byte(`"x"`)}}))
	if want := `{"a":1,"b\"\n":"x"}`; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}
