package main

import (
	"encoding/json"
	"strings"
	"testing"

	"relay/app/replay"
)

// TestPlan: a re-projection rebuilds what the change alters, and says so before.
func TestPlan(t *testing.T) {
	t.Parallel()
	relay, _, db := toldStory(t)
	served := func(projection string) string {
		return text(t, db, `SELECT id FROM relay_store.generations WHERE status = 'serving' AND projection = $1`, projection)
	}
	const versions = `SELECT string_agg(event_name || mapping_version, ' ') FROM relay.events`
	for _, c := range []struct {
		name, mapping, rebuilt, parts, events string
	}{
		{"a prefix", "event_prefix: \"p:\"", "events", "events", "p:User Registered2"},
		{"a channel", "event_prefix: \"p:\"\nchannels: {email: email, sms: phone, slack_email: slack_email}", "profiles", "channels", "p:User Registered3"},
		{"a preference", "event_prefix: \"p:\"\nchannels: {email: email, sms: phone, slack_email: slack_email}\npreferences: {language: language}", "profiles", "preferences", "p:User Registered4"},
		{"the order of traits in a channel", "event_prefix: \"p:\"\nchannels: {email: email, sms: [phone], slack_email: [slack_email, slack_email2]}\npreferences: {language: language}", "profiles", "channels", "p:User Registered5"},
		{"nothing but their order", "event_prefix: \"p:\"\nchannels: {email: email, sms: [phone], slack_email: [slack_email2, slack_email]}\npreferences: {language: language}", "", "", "p:User Registered6"},
	} {
		relay.must("mapping", "apply", relay.writeFile("mapping.yaml", c.mapping))
		var plan replay.Plan
		if err := json.Unmarshal([]byte(relay.must("reproject", "--from", "beginning", "--plan", "--json")), &plan); err != nil {
			t.Fatal(err)
		}
		var rebuilt []string
		for _, step := range plan.Projections {
			if step.Rebuild {
				rebuilt = append(rebuilt, step.Projection)
				if strings.Join(step.Parts, " ") != c.parts || step.Rows != 1 || step.Bytes == 0 || len(step.Why) == 0 {
					t.Errorf("%s: step %+v", c.name, step)
				}
			}
		}
		if got := strings.Join(rebuilt, " "); got != c.rebuilt {
			t.Errorf("%s: the plan rebuilds %q, want %q: %+v", c.name, got, c.rebuilt, plan)
		}
		before := map[string]string{"events": served("events"), "profiles": served("profiles")}
		relay.must("reproject", "--from", "beginning")
		for projection, id := range before {
			if replaced := served(projection) != id; replaced != (projection == c.rebuilt) {
				t.Errorf("%s: the generation of %s was replaced: %v", c.name, projection, replaced)
			}
		}
		if got := text(t, db, versions); got != c.events {
			t.Errorf("%s: events %s, want %s", c.name, got, c.events)
		}
		relay.must("verify")
	}
	if out := relay.must("reproject", "--from", "beginning", "--plan"); !strings.Contains(out, "the mapping is the same everywhere; it is rebuilt as it is") {
		t.Errorf("the plan of a change of nothing: %s", out)
	}
}
