package mapping_test

import (
	"encoding/json"
	"fmt"

	"relay/domain/mapping"
	"relay/domain/profile"
)

// Version 2 was applied at log offset 100, version 3 at 200. Then version 3 was
// applied to the past from offset 50 on.
func ExampleTimeline() {
	applied := mapping.NewTimeline().Activate(100, 2).Activate(200, 3)
	replayed := applied.Reproject(50, 3, 250)
	for _, timeline := range []mapping.Timeline{applied, replayed} {
		fmt.Println(timeline.Spans(), "at 150:", timeline.At(150), "current:", timeline.Current())
	}
	fmt.Println(mapping.Differences(applied, replayed))
	// Output:
	// [{1 1} {100 2} {200 3}] at 150: 2 current: 3
	// [{1 1} {50 3}] at 150: 3 current: 3
	// [{49 99 1 3} {99 199 2 3}]
}

// A difference is listed in the order of mapping files.
func ExampleDiff() {
	before, after := mapping.Default(), mapping.Default()
	after.EventPrefix = "shop: "
	after.Channels[profile.SMS] = []string{"phone", "address.mobile"}
	for _, change := range mapping.Diff(before, after) {
		fmt.Printf("%s: %s -> %s\n", change.Path, change.Before, change.After)
	}
	// Output:
	// event_prefix: (none) -> "shop: "
	// channels.sms: phone -> phone, address.mobile
}

// A spec as JSON names every key, so its meaning does not depend on defaults.
func ExampleSpec_MarshalJSON() {
	text, err := json.Marshal(mapping.Default())
	fmt.Println(string(text), err)
	// Output: {"event_prefix":"","preferences":{},"channels":{"email":"email","sms":"phone"},"events":["track"],"identity":"off"} <nil>
}
