package profile_test

import (
	"fmt"

	"relay/domain/eventlog"
	"relay/domain/profile"
	"relay/domain/segment"
)

// stateOf is what one identify call says: a trait, and an address.
func stateOf(at segment.Instant, offset eventlog.Offset, plan, email string) profile.State {
	stamp := eventlog.Stamp{At: at, Position: eventlog.Position{Offset: offset}}
	return profile.State{
		Identified: true, First: at, Last: at,
		Traits:   []profile.Trait{{Key: "plan", Value: []byte(plan), Stamp: stamp}},
		Channels: []profile.ChannelValue{{Channel: profile.Email, Value: email, First: at, Last: at}},
	}
}

// Traits are registers: the later value stays. Channels are sets that only grow.
// The order in which states are merged makes no difference, and neither does
// merging one twice.
func ExampleMerge() {
	early := stateOf(1000, 7, `"free"`, "old@example.com")
	late := stateOf(2000, 3, `"pro"`, "new@example.com")
	for _, s := range []profile.State{
		profile.Merge(early, late),
		profile.Merge(late, profile.Merge(early, late)),
	} {
		properties := profile.AppendProperties(nil, s.Traits)
		channels, _ := profile.AppendChannels(nil, nil, s.Channels)
		fmt.Println(string(properties), string(channels), s.First, s.Last)
	}
	// Output:
	// {"plan":"pro"} {"email":["old@example.com","new@example.com"]} 1000 2000
	// {"plan":"pro"} {"email":["old@example.com","new@example.com"]} 1000 2000
}

func ExampleChannel_Clean() {
	for _, text := range []string{" +1 555 0100 ", "555 0100"} {
		value, valid := profile.SMS.Clean(text)
		fmt.Printf("%q %v\n", value, valid)
	}
	// Output:
	// "+1 555 0100" true
	// "555 0100" false
}

func ExamplePreference_Valid() {
	fmt.Println(profile.Language.Valid("en"), profile.Language.Valid("EN"), profile.Timezone.Valid("Europe/Berlin"))
	// Output: true false true
}
