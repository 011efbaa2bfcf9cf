package projections_test

import (
	"fmt"

	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/domain/profile"
	"relay/projections"
)

// always returns mappings under which one spec holds for the whole log.
func always(spec mapping.Spec) projections.Mappings {
	return projections.Mappings{Timeline: mapping.NewTimeline(), Specs: map[int]*mapping.Spec{1: &spec}}
}

// A reader parses entries of the log and hands their calls to a fold.
func ExampleReader_Read() {
	spec := mapping.Default()
	spec.EventPrefix = "shop: "
	entry := eventlog.Entry{Offset: 1, Source: "web", Route: "/connector/segment", Payload: []byte(`[
		{"type": "track", "userId": "ann", "event": "Ordered", "properties": {"total": 12}},
		{"type": "track", "userId": "ann"}
	]`)}
	fold := projections.NewEventsFold()
	var reader projections.Reader
	reader.Read(&entry, always(spec), fold)
	for _, event := range fold.Events {
		fmt.Println(event.MessageID, event.Name, event.DistinctID, string(event.Properties))
	}
	for key, issue := range fold.Ignored() {
		fmt.Println(key.Code, issue.Count)
	}
	// Output:
	// log:1:0 shop: Ordered ann {"total": 12}
	// no_event_name 1
}

// The log can be folded in pieces, in any order; merging the pieces gives what
// one fold of the whole log gives.
func ExampleProfilesFold() {
	entries := []eventlog.Entry{
		{Offset: 1, ReceivedAt: 1000, Payload: []byte(`{"type":"identify","userId":"ann","traits":{"email":"old@example.com"}}`)},
		{Offset: 2, ReceivedAt: 2000, Payload: []byte(`{"type":"identify","userId":"ann","traits":{"email":"new@example.com"}}`)},
	}
	read := func(entries ...eventlog.Entry) profile.State {
		fold := projections.NewProfilesFold(projections.ProfilesParts())
		var reader projections.Reader
		for i := range entries {
			reader.Read(&entries[i], always(mapping.Default()), fold)
		}
		return fold.People["ann"]
	}
	whole := read(entries...)
	pieces := profile.Merge(read(entries[1]), read(entries[0]))
	for _, state := range []profile.State{whole, pieces} {
		channels, _ := profile.AppendChannels(nil, nil, state.Channels)
		fmt.Println(string(profile.AppendProperties(nil, state.Traits)), string(channels))
	}
	// Output:
	// {"email":"new@example.com"} {"email":["old@example.com","new@example.com"]}
	// {"email":"new@example.com"} {"email":["old@example.com","new@example.com"]}
}
