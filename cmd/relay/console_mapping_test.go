package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// form posts a form to the console and returns the page that the browser ends
// up with.
func (s *serving) form(path string, values url.Values) (status int, at, body string) {
	s.t.Helper()
	reply, err := client.PostForm(s.admin+path, values)
	if err != nil {
		s.t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply.StatusCode, reply.Request.URL.RequestURI(), string(text)
}

// storyForm is storyMapping as the console's form sends it.
func storyForm(do, base string) url.Values {
	return url.Values{
		"do": {do}, "base": {base}, "from": {"beginning"}, "note": {"languages"}, "prefixed": {"1"}, "prefix": {"segment : "}, "preference.language": {"language"},
		"channel.email": {"email", ""}, "channel.sms": {"phone"}, "channel.slack_email": {"slack_email"}, "events": {"track"}, "identity": {"off"},
	}
}

// TestConsoleMapping: a mapping is previewed without changing anything, saved,
// and re-projected; of two editors the second is told.
func TestConsoleMapping(t *testing.T) {
	t.Parallel()
	relay, server, db := toldStory(t)
	before := servedRows(t, db)
	want := func(what, body string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %q in\n%s", what, text, body)
			}
		}
	}
	_, _, body := server.form("/mapping", storyForm("preview", "1"))
	want("preview", body, "languages set", "channel slack_email: values added", "1 of 1 people", "peter@work.example.com", `value="slack_email"`)
	if got := servedRows(t, db); got != before || text(t, db, `SELECT count(*) FROM relay.mapping_versions`) != "1" {
		t.Errorf("the preview changed something: %s", got)
	}
	if code, _, body := server.form("/mapping", url.Values{"do": {"save"}, "base": {"1"}, "as": {"yaml"}, "yaml": {"event_prefix: x\nchannel: {}\n"}}); code != 400 {
		t.Errorf("bad YAML: status %d", code)
	} else {
		want("bad YAML", body, "Nothing was saved", "mapping:2:1")
	}
	if code, _, body := server.form("/mapping", url.Values{"do": {"save"}, "base": {"1"}, "channel.sms": {"a", "a"}, "events": {"track"}, "identity": {"off"}}); code != 400 {
		t.Errorf("a trait twice: status %d", code)
	} else {
		want("a trait twice", body, "channels.sms[1]")
	}
	relay.must("mapping", "apply", relay.writeFile("other.yaml", "event_prefix: other\n"), "--base", "1", "--note", "faster")
	for _, do := range []string{"preview", "save", "reproject"} {
		code, _, body := server.form("/mapping", storyForm(do, "1"))
		if code != http.StatusConflict {
			t.Errorf("the second editor's %s: status %d", do, code)
		}
		want("the second editor", body, "faster", "Nothing was overwritten", `name="base" value="2"`, `value="slack_email"`)
	}
	if _, errOut, status := relay.run("mapping", "apply", relay.writeFile("third.yaml", "event_prefix: third\n"), "--base", "1"); status != 1 || !strings.Contains(errOut, "version 2 is active now") {
		t.Errorf("apply --base 1: %d, %s", status, errOut)
	}
	code, at, body := server.form("/mapping", storyForm("reproject", "2"))
	if code != 200 || !strings.HasPrefix(at, "/reprojections") {
		t.Fatalf("save and re-project: %d at %s\n%s", code, at, body)
	}
	waitFor(t, "the re-projection", func() bool {
		return text(t, db, `SELECT channels ->> 'slack_email' FROM relay.profiles`) == `["peter@work.example.com"]`
	})
	if got := text(t, db, `SELECT event_name FROM relay.events`); got != "segment : User Registered" {
		t.Errorf("the event is %q", got)
	}
	_, versions := server.ask("GET", "/mapping/versions?a=1&b=3", "", nil)
	want("versions", versions, "Version 3", "languages", "Roll back to version 1", "From version 1 to version 3")
	if code, _, _ := server.form("/mapping/rollback", url.Values{"base": {"2"}, "version": {"1"}}); code != http.StatusConflict {
		t.Errorf("a rollback of what is not in force: status %d", code)
	}
	if code, at, _ := server.form("/mapping/rollback", url.Values{"base": {"3"}, "version": {"1"}}); code != 200 || !strings.HasSuffix(at, "done=rolledback") {
		t.Errorf("rollback: %d at %s", code, at)
	}
	if got := text(t, db, `SELECT version FROM relay.mapping_timeline WHERE to_offset IS NULL`); got != "1" {
		t.Errorf("version %s holds", got)
	}
	_, versions = server.ask("GET", "/mapping/versions", "", nil)
	for _, shown := range []string{versions, relay.must("mapping", "history")} {
		want("the history", shown, "applied version 2", "applied version 3", "re-projected profiles and events with version 3", "rolled back to version 1")
	}
	if out := relay.must("mapping", "history", "--json"); !strings.Contains(out, `"kind": "rolled_back"`) || !strings.Contains(out, `"former_version": 3`) {
		t.Errorf("relay mapping history --json: %s", out)
	}
	if out := relay.must("mapping", "preview", relay.writeFile("story.yaml", storyMapping)); !strings.Contains(out, "events") {
		t.Errorf("relay mapping preview: %s", out)
	}
	if out := relay.must("profiles", "traits"); !strings.Contains(out, "slack_email") {
		t.Errorf("relay profiles traits: %s", out)
	}
	checkNothingLeftOver(t, relay)
}

// TestConsolePeople: a person is found, shown with where values came from,
// exported, and erased once the id was typed.
func TestConsolePeople(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	for _, payload := range []string{peter, registered, moved} {
		server.send(payload)
	}
	settled(t, db)
	for _, q := range []string{"97980cfea0067", "97980", "peter@new.example.com", "Peter Gibbons", "plan=premium", "logins=5"} {
		if _, body := server.ask("GET", "/people?"+url.Values{"q": {q}}.Encode(), "", nil); !strings.Contains(body, `href="/people/show?id=97980cfea0067"`) {
			t.Errorf("a search for %s finds nobody: %s", q, body)
		}
	}
	if _, body := server.ask("GET", "/people?q=nobody", "", nil); !strings.Contains(body, "Nobody was found") {
		t.Errorf("a search for nobody: %s", body)
	}
	_, body := server.ask("GET", "/people/show?id=97980cfea0067", "", nil)
	for _, want := range []string{"peter@example.com", "peter@new.example.com", `href="/log/3?call=0"`, `href="/log/1?call=0"`, "User Registered", "env"} {
		if !strings.Contains(body, want) {
			t.Errorf("the person's page has no %s:\n%s", want, body)
		}
	}
	if _, exported := server.ask("GET", "/people/export?id=97980cfea0067", "", nil); exported != relay.must("export", "97980cfea0067") {
		t.Errorf("the export differs from the command's: %s", exported)
	}
	for _, path := range []string{"/people/show?id=nobody", "/people/export?id=nobody", "/log/99", "/rejected/99"} {
		if status, _ := server.ask("GET", path, "", nil); status != 404 {
			t.Errorf("%s: status %d", path, status)
		}
	}
	if status, _, body := server.form("/people/forget", url.Values{"id": {"97980cfea0067"}, "confirm": {"97980"}}); status != 400 || !strings.Contains(body, "Nothing was erased") {
		t.Errorf("another id was typed: %d", status)
	}
	if status, _, body := server.form("/people/forget", url.Values{"id": {"97980cfea0067"}, "confirm": {"97980cfea0067"}, "suppress": {"1"}}); status != 200 || !strings.Contains(body, "Erased 3 calls in 3 payloads") {
		t.Errorf("forget: %d, %s", status, body)
	}
	if got := text(t, db, `SELECT count(*) FROM relay.profiles`); got != "0" {
		t.Errorf("%s profiles are left", got)
	}
}

// TestConsoleKeys: a key is made and shown once, works, is rotated, signed and
// revoked.
func TestConsoleKeys(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	db := relay.open()
	_, _, body := server.form("/settings", url.Values{"do": {"create"}, "name": {"shop"}})
	secret := "rk_" + strings.SplitN(strings.SplitN(body+"rk_<", "rk_", 2)[1], "<", 2)[0]
	if len(secret) < 40 {
		t.Fatalf("no key is shown: %s", body)
	}
	request, err := http.NewRequest("POST", server.address+"/connector/segment/", strings.NewReader(peter))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	reply, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != 200 {
		t.Errorf("the key is answered with %d", reply.StatusCode)
	}
	if status, at, body := server.form("/settings/try", url.Values{"name": {"shop"}, "key": {secret}}); status != 200 || at != "/live?done=tried" || !strings.Contains(body, "User Registered") {
		t.Errorf("calls to try: status %d at %s\n%s", status, at, body)
	}
	if status, _, body := server.form("/settings/try", url.Values{"name": {"shop"}, "key": {"rk_wrong"}}); status != 502 || !strings.Contains(body, "rejected the calls with status 401") || !strings.Contains(body, "rk_wrong") {
		t.Errorf("calls to try with a wrong key: status %d\n%s", status, body)
	}
	if _, body := server.ask("GET", "/settings", "", nil); strings.Contains(body, secret) || !strings.Contains(body, "keep-rejected") {
		t.Errorf("the settings show the key again, or no settings: %s", body)
	}
	for _, c := range []struct {
		form   url.Values
		status int
		says   string
	}{
		{url.Values{"do": {"create"}, "name": {"shop"}}, 409, "exists already"},
		{url.Values{"do": {"create"}, "name": {"<script>"}}, 400, "&lt;script&gt;"},
		{url.Values{"do": {"rotate"}, "name": {"shop"}}, 200, "rk_"},
		{url.Values{"do": {"rotate"}, "name": {"nobody"}}, 404, "not found"},
		{url.Values{"do": {"add-secret"}, "name": {"shop"}, "secret": {"s3cret"}}, 200, "Signing secrets of shop"},
		{url.Values{"do": {"add-secret"}, "name": {"shop"}, "secret": {" "}}, 400, "empty"},
		{url.Values{"do": {"remove-secret"}, "name": {"shop"}, "id": {"1"}}, 200, "requests signed with the secret are rejected"},
		{url.Values{"do": {"revoke"}, "name": {"shop"}, "confirm": {"shoe"}}, 400, "nothing was revoked"},
		{url.Values{"do": {"revoke-replaced"}, "name": {"shop"}, "confirm": {"shop"}}, 200, "requests with the key are rejected"},
		{url.Values{"do": {"revoke"}, "name": {"shop"}, "confirm": {"shop"}}, 200, "requests with the key are rejected"},
		{url.Values{"do": {"dance"}, "name": {"shop"}}, 400, "dance"},
	} {
		if status, _, body := server.form("/settings", c.form); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%v: status %d, want %d and %q\n%s", c.form, status, c.status, c.says, body)
		}
	}
	if got := text(t, db, `SELECT count(*) FROM relay_store.api_keys WHERE revoked_at IS NULL`); got != "0" {
		t.Errorf("%s keys are left", got)
	}
}

// TestConsoleReprojections: what the buttons do, they say, and what cannot be
// done too.
func TestConsoleReprojections(t *testing.T) {
	t.Parallel()
	relay, server, db := toldStory(t)
	before := servedRows(t, db)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", storyMapping))
	do := func(what string, status int, says string) {
		t.Helper()
		form := url.Values{"do": {what}, "from": {"beginning"}, "max_load": {"50"}}
		if got, _, body := server.form("/reprojections", form); got != status || !strings.Contains(body, says) {
			t.Errorf("%s: status %d, want %d and %q\n%s", what, got, status, says, body)
		}
	}
	ended := func(n string) {
		t.Helper()
		waitFor(t, "the run's end", func() bool {
			return text(t, db, `SELECT count(*) FROM relay.reprojections WHERE status = 'done'`) == n
		})
	}
	settled(t, db)
	do("plan", 200, "rebuilt (channels, preferences)")
	do("dryrun", 200, "channel slack_email: values added")
	do("resume", 409, "no re-projection to resume")
	do("cancel", 200, "Nothing was running")
	if servedRows(t, db) != before {
		t.Error("looking changed something")
	}
	do("start", 200, "has started")
	ended("1")
	waitFor(t, "the undoing to be taken", func() bool {
		status, _, _ := server.form("/reprojections", url.Values{"do": {"undo"}})
		return status == 200
	})
	ended("2")
	if got := servedRows(t, db); got != before {
		t.Errorf("undone: %s, want %s", got, before)
	}
	do("verify", 200, "no difference")
	dropFormerByButton(t, server)
	if status, _, body := server.form("/reprojections", url.Values{"do": {"plan"}, "from": {"<b>nowhere"}, "max_load": {"50"}}); status != 400 || !strings.Contains(body, "&lt;b&gt;nowhere") {
		t.Errorf("from nowhere: %d, %s", status, body)
	}
}

// dropFormerByButton: what was served before is removed once that was confirmed,
// and there is no button where there is nothing to remove.
func dropFormerByButton(t *testing.T, server *serving) {
	t.Helper()
	button := `value="drop-former"`
	waitFor(t, "the button", func() bool {
		_, body := server.ask("GET", "/reprojections", "", nil)
		return strings.Contains(body, button)
	})
	if status, _, body := server.form("/reprojections", url.Values{"do": {"drop-former"}}); status != 400 || !strings.Contains(body, "nothing was removed") || !strings.Contains(body, button) {
		t.Errorf("not confirmed: %d, %s", status, body)
	}
	waitFor(t, "the last run's tidying up", func() bool {
		status, _, body := server.form("/reprojections", url.Values{"do": {"drop-former"}, "confirm": {"1"}})
		if status != 409 && (status != 200 || !strings.Contains(body, "can no longer be undone") || strings.Contains(body, button)) {
			t.Fatalf("confirmed: %d, %s", status, body)
		}
		return status == 200
	})
	if status, _, body := server.form("/reprojections", url.Values{"do": {"undo"}}); status != 409 {
		t.Errorf("undo after that: %d, %s", status, body)
	}
	if status, body := server.ask("POST", "/api/reprojections/drop-former", "", nil); status != 200 || !strings.Contains(body, `"dropped":0`) {
		t.Errorf("once more: %d, %s", status, body)
	}
}
