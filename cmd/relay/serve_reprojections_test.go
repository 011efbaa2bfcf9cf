package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestServeReprojects: relay serve plans, runs, shows, undoes and cancels
// re-projections for its operators, and for nobody's web page.
func TestServeReprojects(t *testing.T) {
	t.Parallel()
	relay, server, db := toldStory(t)
	before := servedRows(t, db)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	ended := func(status string, n string) {
		t.Helper()
		waitFor(t, "the run to end as "+status, func() bool {
			return text(t, db, `SELECT count(*) FROM relay.reprojections WHERE status = $1`, status) == n
		})
	}
	if status, body := server.ask("POST", "/api/reprojections/plan", `{"from":"beginning"}`, nil); status != 200 || !strings.Contains(body, `"rebuild":true`) {
		t.Errorf("plan: %d, %s", status, body)
	}
	if status, body := server.ask("POST", "/api/reprojections", `{"from":"beginning","max_load":50}`, nil); status != 200 || !strings.Contains(body, `"id":1`) {
		t.Fatalf("start: %d, %s", status, body)
	}
	ended("done", "1")
	if servedRows(t, db) == before {
		t.Error("it changed nothing")
	}
	waitFor(t, "the undoing to be taken, which waits for the run's tidying up", func() bool {
		status, body := server.ask("POST", "/api/reprojections/undo", "", nil)
		if status != 409 && (status != 200 || !strings.Contains(body, `"undoes":1`)) {
			t.Fatalf("undo: %d, %s", status, body)
		}
		return status == 200
	})
	ended("done", "2")
	if got := servedRows(t, db); got != before {
		t.Errorf("undone: %s, want %s", got, before)
	}
	var list []map[string]any
	if status, body := server.ask("GET", "/api/reprojections", "", nil); status != 200 || json.Unmarshal([]byte(body), &list) != nil || len(list) != 2 || list[0]["undoes"] != 1.0 {
		t.Errorf("list: %d, %s", status, body)
	}
	for _, c := range []struct {
		path, body string
		headers    map[string]string
		status     int
		says       string
	}{
		{"/api/reprojections", `{"from":"nowhere"}`, nil, 400, "mapping:N"},
		{"/api/reprojections", `{"from":"beginning","projection":"people"}`, nil, 400, "there are profiles and events"},
		{"/api/reprojections", `{"from":"beginning","max_load":101}`, nil, 400, "percentage"},
		{"/api/reprojections", `{"form":"beginning"}`, nil, 400, "form"},
		{"/api/reprojections", `{"from":"mapping:9"}`, nil, 404, "version 9"},
		{"/api/reprojections/resume", "", nil, 409, "no re-projection to resume"},
		{"/api/reprojections", `{"from":"beginning"}`, map[string]string{"Origin": "https://elsewhere.example"}, 403, "cross-origin"},
		{"/api/reprojections", `{"from":"beginning"}`, map[string]string{"Host": "elsewhere.example"}, 403, "loopback"},
	} {
		waitFor(t, "the last run's tidying up", func() bool {
			status, body := server.ask("POST", "/api/reprojections/resume", "", nil)
			return status == 409 && strings.Contains(body, "no re-projection to resume")
		})
		if status, body := server.ask("POST", c.path, c.body, c.headers); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s %v: %d, %s", c.path, c.body, c.headers, status, body)
		}
	}
	reader := execer(t, db)
	if err := reader.Exec(`SELECT count(*) FROM relay.profiles, relay.events`); err != nil {
		t.Fatal(err)
	}
	if status, body := server.ask("POST", "/api/reprojections", `{"from":"beginning"}`, nil); status != 200 {
		t.Fatalf("start: %d, %s", status, body)
	}
	if status, body := server.ask("POST", "/api/reprojections", `{"from":"beginning"}`, nil); status != 409 || !strings.Contains(body, "running") {
		t.Errorf("a second one: %d, %s", status, body)
	}
	if status, body := server.ask("POST", "/api/reprojections/cancel", "", nil); status != 200 || !strings.Contains(body, `"cancelled":true`) {
		t.Errorf("cancel: %d, %s", status, body)
	}
	ended("cancelled", "1")
	checkNothingLeftOver(t, relay)
}

// ask sends a request to the admin listener.
func (s *serving) ask(method, path, body string, headers map[string]string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequest(method, s.admin+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	if host := headers["Host"]; host != "" {
		request.Host = host
	}
	reply, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

// TestServeStartsThePlanShown: a plan that was shown is started from its page as it
// was shown, and not after the mapping changed.
func TestServeStartsThePlanShown(t *testing.T) {
	t.Parallel()
	relay, server, db := toldStory(t)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	shown := func() (start string) {
		t.Helper()
		status, page := server.ask("POST", "/reprojections", "do=plan&from=beginning&projection=&max_load=100", form)
		_, rest, ok := strings.Cut(page, `name="as_of" value="`)
		asOf, _, _ := strings.Cut(rest, `"`)
		if status != 200 || !ok || !strings.Contains(page, "Start this plan") {
			t.Fatalf("the page of the plan: %d, %s", status, page)
		}
		return "do=start&from=1&projection=&max_load=100&as_of=" + asOf
	}
	outdated := shown()
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", `event_prefix: "later: "`))
	if status, page := server.ask("POST", "/reprojections", outdated, form); status != 409 || !strings.Contains(page, "mapping version 3 was applied") {
		t.Errorf("an outdated plan: %d, %s", status, page)
	}
	if n := text(t, db, `SELECT count(*) FROM relay.reprojections`); n != "0" {
		t.Errorf("%s re-projections are on record", n)
	}
	if status, page := server.ask("POST", "/reprojections", shown(), form); status >= 400 {
		t.Errorf("the plan as it was shown: %d, %s", status, page)
	}
	waitFor(t, "the plan to be carried out", func() bool {
		return text(t, db, `SELECT string_agg(status || ' ' || mapping_version, ' ') FROM relay.reprojections`) == "done 3"
	})
	asJSON := map[string]string{"Content-Type": "application/json"}
	waitFor(t, "a plan of the future to be started", func() bool {
		status, _ := server.ask("POST", "/api/reprojections", `{"from":"beginning","as_of":1000000}`, asJSON)
		return status == 200
	})
	if asOf := text(t, db, `SELECT max(as_of) < 1000000 FROM relay_store.reprojections`); asOf != "true" {
		t.Error("a re-projection claims to know mappings that are not applied yet")
	}
}
