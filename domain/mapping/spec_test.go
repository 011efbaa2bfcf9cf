package mapping

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"relay/domain/profile"
	"relay/domain/segment"
)

// specs makes valid specs.
func specs() *rapid.Generator[Spec] {
	trait := rapid.OneOf(rapid.SampledFrom([]string{"email", "phone", "a.b", "none", "é x", `"`, "<&>", ","}), rapid.StringMatching(`[a-c]{1,2}`))
	return rapid.Custom(func(t *rapid.T) Spec {
		s := Spec{EventPrefix: rapid.SampledFrom([]string{"", "p", "segment : ", `"a" b`}).Draw(t, "prefix")}
		s.Events = segment.Kinds(rapid.Uint32().Draw(t, "events")) & EventKinds
		s.Identity = Identity(rapid.IntRange(0, 1).Draw(t, "identity"))
		for i := range s.Preferences {
			if rapid.Bool().Draw(t, "mapped") {
				s.Preferences[i] = trait.Draw(t, "trait")
			}
		}
		for i := range s.Channels {
			if traits := rapid.SliceOfNDistinct(trait, 0, 3, rapid.ID).Draw(t, "traits"); len(traits) > 0 {
				s.Channels[i] = traits
			}
		}
		return s
	})
}

func TestSpecRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := specs().Draw(t, "spec")
		if errors := s.Validate(); errors != nil {
			t.Fatal(errors)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		read := Reference() // whose content must all go
		if err := json.Unmarshal(text, &read); err != nil || !read.Equal(s) || !reflect.DeepEqual(read, s) {
			t.Fatalf("%s: read %+v, %v", text, read, err)
		}
		if again, err := json.Marshal(read); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%s, then %s, %v", text, again, err)
		}
	})
}

func TestSpecJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Spec{
		`{"event_prefix":"","preferences":{},"channels":{"email":"email","sms":"phone"},"events":["track"],"identity":"off"}`: Default(),
		`{"event_prefix":"segment : ","preferences":{"language":"language","locale":"locale","timezone":"tz"},"channels":{"androidpush_fcm":"fcmAndroidpush","androidpush_xiaomi":"xiaomiAndroidpush","email":"email","iospush_apns":"apnsIospush","slack_email":"slackEmail","slack_user_id":"slackUserID","sms":["phone","address.mobile"],"whatsapp":"whatsapp"},"events":["track"],"identity":"off"}`: Reference(),
		`{"event_prefix":"","preferences":{},"channels":{},"events":[],"identity":"join"}`: {Identity: Join},
	} {
		if got, err := json.Marshal(want); string(got) != text || err != nil {
			t.Errorf("got %s, %v; want %s", got, err, text)
		}
	}
	var absent Spec
	if err := json.Unmarshal([]byte(`{}`), &absent); err != nil || !absent.Equal(Default()) {
		t.Errorf("absent keys: %+v, %v", absent, err)
	}
}

func TestSpecRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:                             "array",
		`{"prefix":"a"}`:                 "prefix",
		`{"channels":{"fax":"f"}}`:       `unknown channel "fax"`,
		`{"channels":{"sms":[1]}}`:       "number",
		`{"channels":{"sms":{}}}`:        "object",
		`{"preferences":{"colour":"c"}}`: `unknown preference "colour"`,
		`{"events":["identify"]}`:        `"identify" cannot become events`,
		`{"events":["x"]}`:               `"x" cannot become events`,
		`{"identity":"maybe"}`:           `unknown identity "maybe"`,
	} {
		s := Reference()
		err := json.Unmarshal([]byte(text), &s)
		if err == nil || !strings.Contains(err.Error(), want) || !s.Equal(Reference()) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxText)
	s := Spec{EventPrefix: "a\x00", Events: segment.Track | segment.Identify, Identity: 2}
	s.Preferences[profile.Locale] = "\xff"
	s.Channels[profile.Email] = []string{""}
	s.Channels[profile.SMS] = []string{long, long + "x", long}
	const want = `event_prefix: the character U+0000 is not allowed
preferences.locale: not UTF-8 text
channels.email: the trait's name is empty
channels.sms[1]: 256 characters, 255 are allowed
channels.sms[2]: trait "LONG" is in the list already
events: identify cannot become events; track, page and screen can
identity: neither off nor join`
	if got := s.Validate().Error(); got != strings.ReplaceAll(want, "LONG", long) {
		t.Errorf("got\n%s", got)
	}
	for _, s := range []Spec{{}, Default(), Reference(), {EventPrefix: long}} {
		if errors := s.Validate(); errors != nil {
			t.Errorf("%+v: %v", s, errors)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := specs().Draw(t, "a"), specs().Draw(t, "b")
		if rapid.Bool().Draw(t, "related") {
			b = a
			b.Channels[0] = slices.Clone(a.Channels[0])
			slices.Reverse(b.Channels[0])
			b.EventPrefix += rapid.SampledFrom([]string{"", "x"}).Draw(t, "more")
		}
		events := a.Events == b.Events && (a.Events == 0 || a.EventPrefix == b.EventPrefix)
		if got := a.EventsKey() == b.EventsKey(); got != events {
			t.Fatalf("events: %q, %q", a.EventsKey(), b.EventsKey())
		}
		if got := a.PreferencesKey() == b.PreferencesKey(); got != (a.Preferences == b.Preferences) {
			t.Fatalf("preferences: %q, %q", a.PreferencesKey(), b.PreferencesKey())
		}
		if got := a.ChannelsKey() == b.ChannelsKey(); got != sameSets(a, b) {
			t.Fatalf("channels: %q, %q", a.ChannelsKey(), b.ChannelsKey())
		}
		if got := a.IdentityKey() == b.IdentityKey(); got != (a.Identity == b.Identity) {
			t.Fatalf("identity: %q, %q", a.IdentityKey(), b.IdentityKey())
		}
	})
}

func sameSets(a, b Spec) bool {
	for c := range a.Channels {
		in := func(t string) bool { return slices.Contains(b.Channels[c], t) }
		if len(a.Channels[c]) != len(b.Channels[c]) || slices.ContainsFunc(a.Channels[c], func(t string) bool { return !in(t) }) {
			return false
		}
	}
	return true
}

func TestKeysLeaveTheSpecAlone(t *testing.T) {
	t.Parallel()
	s := Reference()
	s.ChannelsKey()
	if !s.Equal(Reference()) {
		t.Fatalf("changed to %+v", s)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	b := Default()
	b.EventPrefix = "segment : "
	b.Preferences[profile.Timezone] = "tz"
	b.Channels[profile.Email] = nil
	b.Channels[profile.SMS] = []string{"phone", "mobile no", "address.mobile"}
	b.Events = 0
	b.Identity = Join
	want := []Change{
		{"event_prefix", "(none)", `"segment : "`},
		{"preferences.timezone", "(none)", "tz"},
		{"channels.email", "email", "(none)"},
		{"channels.sms", "phone", `phone, "mobile no", address.mobile`},
		{"events", "track", "(none)"},
		{"identity", "off", "join"},
	}
	if got := Diff(Default(), b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestDiffIsEmptyExactlyForEqualSpecs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := specs().Draw(t, "a"), specs().Draw(t, "b")
		if got := len(Diff(a, b)) == 0; got != a.Equal(b) {
			t.Fatalf("%+v", Diff(a, b))
		}
		if d := Diff(a, a); len(d) > 0 || !a.Equal(a) {
			t.Fatalf("%+v", d)
		}
	})
}

func FuzzSpecJSON(f *testing.F) {
	for _, s := range []Spec{{}, Default(), Reference()} {
		text, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"channels":{"sms":null,"email":[]},"events":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s, again Spec
		if json.Unmarshal(data, &s) != nil {
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &again); err != nil || !again.Equal(s) {
			t.Fatalf("%s: wrote %s, read %+v, %v", data, text, again, err)
		}
	})
}
