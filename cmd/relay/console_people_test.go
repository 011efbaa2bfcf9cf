package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"relay/app/lookup"
)

// TestPeopleBeforeIdentify: people whom no identify call has named are found by
// their ids wherever people are looked up, with what is known of them and why they
// have no profile.
func TestPeopleBeforeIdentify(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	server.send(`{"type":"track","userId":"early","event":"Opened"}`)
	server.send(`{"type":"track","anonymousId":"dev1","event":"Viewed"}`)
	settled(t, relay.open())
	for id, want := range map[string]struct{ event, why string }{"early": {"Opened", lookup.NeverIdentified}, "dev1": {"Viewed", lookup.NotJoined}} {
		if _, body := server.ask("GET", "/people?q="+id, "", nil); !strings.Contains(body, `href="/people/show?id=`+id+`"`) || !strings.Contains(body, "no profile yet") {
			t.Errorf("a search for %s finds nobody: %s", id, body)
		}
		if _, body := server.ask("GET", "/people/show?id="+id, "", nil); !strings.Contains(body, want.event) || !strings.Contains(body, want.why) {
			t.Errorf("the page of %s: %s", id, body)
		}
		out, errOut, status := relay.run("profiles", "show", id)
		if status != 0 || !strings.Contains(out, want.event) || !strings.Contains(errOut, want.why) {
			t.Errorf("relay profiles show %s: status %d, %s%s", id, status, errOut, out)
		}
		if _, body := server.ask("GET", "/api/people?id="+id, "", nil); !sameJSON(t, body, out) {
			t.Errorf("the API says %s of %s, and the command %s", body, id, out)
		}
		exported := relay.must("export", id)
		if !strings.Contains(exported, `"kind": "event"`) || !strings.Contains(exported, `"kind":"call"`) {
			t.Errorf("the export of %s: %s", id, exported)
		}
		if _, body := server.ask("GET", "/people/export?id="+id, "", nil); body != exported {
			t.Errorf("the console exports %s of %s", body, id)
		}
	}
	if status, body := server.ask("GET", "/api/people?id=nobody", "", nil); status != 404 {
		t.Errorf("the API says %d, %s of nobody", status, body)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var values [2]any
	for i, text := range []string{a, b} {
		if err := json.Unmarshal([]byte(text), &values[i]); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
