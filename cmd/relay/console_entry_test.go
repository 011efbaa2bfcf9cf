package main

import (
	"strings"
	"testing"
)

// TestConsoleExplains: one payload opened says what was made of each call, under
// which version, and why the rest was not.
func TestConsoleExplains(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	server.send(`{"type":"identify","userId":"p","traits":{"email":"p@example.com","phone":"5551234","address":{"city":"Berlin"}}}`)
	server.send(registered)
	server.send(registered)
	server.send(`{"batch":[{"type":"group","userId":"p","groupId":"g"},{"type":"identify","anonymousId":"a"},{"type":"track","userId":"p"}]}`)
	if status, body := server.post(`[{"type":"page","userId":"p","name":"Home"},{"type":"dance","userId":"p"},3]`); status != 200 {
		t.Fatalf("status %d, %s", status, body)
	}
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "event_prefix: \"segment : \"\nevents: [page]\n"))
	server.send(`{"type":"page","userId":"p","name":"Home"}`)
	settled(t, db)
	for path, wants := range map[string][]string{
		"/log/1":        {"p@example.com", "bad_sms", "phone number", "{&#34;city&#34;:&#34;Berlin&#34;}", "Profile, under mapping version 1", "The mapping makes no events of identify calls."},
		"/log/2":        {"<strong>User Registered</strong>", "Pro Annual", "Profiles are made of identify calls; this is track."},
		"/log/3":        {"This call repeats that id", `href="/log/2"`},
		"/log/4":        {"makes no events of group calls", "identity: off", "no_event_name", "It has no name."},
		"/log/4?call=1": {"identity: off", "2 other calls"},
		"/log/5":        {"makes no events of page calls", "unknown_type", "not_an_object"},
		"/log/6":        {"which relay wrote itself"},
		"/log/7":        {"<strong>segment : Viewed Home Page</strong>", "Event, under mapping version 2"},
	} {
		status, body := server.ask("GET", path, "", nil)
		for _, want := range wants {
			if status != 200 || !strings.Contains(body, want) {
				t.Errorf("%s: status %d, no %q in\n%s", path, status, want, body)
			}
		}
	}
}
