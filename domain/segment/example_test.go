package segment_test

import (
	"fmt"
	"time"

	"relay/domain/segment"
)

// A batch is read once. A call that is not usable is left out; the others keep
// their place.
func ExampleParser_Parse() {
	body := []byte(`{"batch": [
		{"type": "identify", "userId": "ann", "traits": {"email": "ann@example.com"}},
		{"type": "track", "event": "Ordered"},
		{"type": "track", "userId": "ann", "event": "Ordered", "properties": {"total": 12.50}}
	]}`)
	var parser segment.Parser
	payload, err := parser.Parse(body, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(payload.Calls), "of", payload.Total, "calls are usable")
	for _, call := range payload.Calls {
		fmt.Printf("%d: %s %q\n", call.Index, call.Kind, call.Event)
	}
	// Output:
	// 2 of 3 calls are usable
	// 0: identify ""
	// 2: track "Ordered"
}

// The path of a typed route replaces a missing type.
func ExampleKindOfRoute() {
	var parser segment.Parser
	payload, err := parser.Parse([]byte(`{"userId": "ann", "event": "Ordered"}`), segment.KindOfRoute("/v1/track"))
	fmt.Println(payload.Kinds, err)
	// Output: track <nil>
}

// What Postgres cannot store becomes something that it can store. The payload
// itself stays as it came.
func ExampleValue_AppendJSON() {
	value, err := segment.ValueOf([]byte(`{"name": "a\u0000b", "big": 1e200000}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(value.AppendJSON(nil)))
	// Output: {"name": "a\ufffdb", "big": "1e200000"}
}

// A sender whose clock is an hour ahead: the call happened ten seconds before it
// was sent, so ten seconds before it was received.
func ExampleCall_ObservedAt() {
	body := []byte(`{"type": "track", "userId": "ann", "event": "Ordered",
		"timestamp": "2026-01-31T12:59:50Z", "sentAt": "2026-01-31T13:00:00Z"}`)
	var parser segment.Parser
	payload, err := parser.Parse(body, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	received := segment.InstantOf(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	at, problems := payload.Calls[0].ObservedAt(received)
	fmt.Println(at.Time().Format(time.RFC3339), len(problems))
	// Output: 2026-01-31T11:59:50Z 0
}
