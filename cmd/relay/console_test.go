package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// hostile is markup that no page may hold as it is.
const hostile = `<script>alert(1)</script>`

// hostileCall has markup wherever a sender can put text.
const hostileCall = `{"type":"%[1]s","messageId":"m<script>alert(1)</script>%[1]s","userId":"u<script>alert(1)</script>","anonymousId":"a<script>alert(1)</script>",` +
	`"event":"e<script>alert(1)</script>","name":"n<script>alert(1)</script>","traits":{"k<script>alert(1)</script>":"v<script>alert(1)</script>","email":"x<script>alert(1)</script>@example.com","phone":"<script>alert(1)</script>"},` +
	`"properties":{"p<script>alert(1)</script>":"<script>alert(1)</script>"}}`

// consolePages are addresses that show what hostileCall sent.
var consolePages = []string{
	"/", "/live", "/live?source=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&person=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&event=%3Cscript%3Ealert(1)%3C/script%3E",
	"/log/1", "/log/2", "/requests", "/requests?source=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&id=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
	"/rejected", "/rejected?code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/rejected/1", "/%3Cscript%3Ealert(1)%3C/script%3E",
	"/people?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/people?q=u", "/people/show?id=u%3Cscript%3Ealert(1)%3C/script%3E", "/people/export?id=%3Cscript%3Ealert(1)%3C/script%3E",
	"/people/suppressed?id=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
	"/mapping", "/mapping?as=yaml", "/mapping/versions", "/reprojections", "/events", "/events?name=e%3Cscript%3Ealert(1)%3C/script%3E", "/settings",
	"/log/%3Cscript%3Ealert(1)%3C/script%3E", "/login?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
}

// TestConsoleShowsText: whatever is sent, pages show it as text, under a policy
// that would run nothing of it, and stay small.
func TestConsoleShowsText(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	for _, kind := range []string{"identify", "track"} {
		server.send(fmt.Sprintf(hostileCall, kind))
	}
	if status, _ := server.post(hostile); status != 400 {
		t.Fatalf("no JSON: status %d", status)
	}
	settled(t, relay.open())
	server.showChanges()
	waitFor(t, "the refused request to be noted", func() bool {
		_, body := server.ask("GET", "/requests?outcome=invalid_json", "", nil)
		return strings.Contains(body, `href="/rejected/1"`)
	})
	seen := ""
	for _, path := range consolePages {
		reply, err := client.Get(server.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reply.Body)
		reply.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		body := string(text)
		seen += body
		if strings.Contains(body, hostile) || strings.Contains(body, "<b>") {
			t.Errorf("%s holds markup that somebody sent:\n%s", path, body)
		}
		if policy := reply.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") {
			t.Errorf("%s has the policy %q", path, policy)
		}
		if strings.Contains(body, "style=") || strings.Contains(body, "onclick") || strings.Contains(body, "://") && !strings.Contains(body, "curl") {
			t.Errorf("%s has inline styles or handlers, or names another host", path)
		}
		if len(body) > 150<<10 {
			t.Errorf("%s has %d bytes", path, len(body))
		}
	}
	for _, prefix := range []string{"m", "u", "a", "e", "k", "v", "p", "x"} {
		if want := prefix + "&lt;script&gt;alert(1)&lt;/script&gt;"; !strings.Contains(seen, want) {
			t.Errorf("no page shows %s: it was not checked", want)
		}
	}
}

// TestConsoleStream: calls appear on a stream as they arrive, as text, and a
// stream resumes where it was cut off.
func TestConsoleStream(t *testing.T) {
	t.Parallel()
	server := newInstance(t).serve()
	server.send(peter)
	read := func(path, last, want string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, "GET", server.admin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Last-Event-ID", last)
		reply, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		lines := bufio.NewScanner(reply.Body)
		var got strings.Builder
		for lines.Scan() {
			got.WriteString(lines.Text() + "\n")
			if strings.Contains(got.String(), want) {
				return
			}
		}
		t.Errorf("%s: no %s in\n%s", path, want, &got)
	}
	read("/live/stream?after=0", "", "97980cfea0067")
	server.send(fmt.Sprintf(hostileCall, "track"))
	read("/live/stream?after=0&type=track", "1", "e&lt;script&gt;alert(1)&lt;/script&gt;")
	if status, _ := server.ask("GET", "/live/stream?after=0&type=nothing", "", nil); status != 400 {
		t.Errorf("a type that there is not: status %d", status)
	}
	if code := server.stop(); code != 0 {
		t.Errorf("it stopped with status %d", code)
	}
}

// TestConsolePassword: with a password the console asks for it, on loopback too,
// and a session ends with the password that it began with.
func TestConsolePassword(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	set := func(password string, want int) {
		t.Helper()
		c := relay.command("admin", "set-password")
		c.Stdin = strings.NewReader(password + "\n")
		_ = c.Run() // the status tells
		if got := c.ProcessState.ExitCode(); got != want {
			t.Fatalf("set-password %q: status %d, want %d", password, got, want)
		}
	}
	for header, value := range map[string]string{"Host": "elsewhere.example", "X-Forwarded-For": "203.0.113.1"} {
		if status, body := server.ask("GET", "/", "", map[string]string{header: value}); status != 403 || !strings.Contains(body, "set-password") {
			t.Errorf("without a password, %s: %s: %d, %s", header, value, status, body)
		}
	}
	set("short", 1)
	set(strings.Repeat("x", 73), 1)
	set("correct horse", 0)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	get := func(path string) (int, string) {
		t.Helper()
		reply, err := browser.Get(server.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		text, err := io.ReadAll(reply.Body)
		if err != nil {
			t.Fatal(err)
		}
		return reply.StatusCode, string(text)
	}
	login := func(password, next string) *http.Response {
		t.Helper()
		reply, err := browser.PostForm(server.admin+"/login", url.Values{"password": {password}, "next": {next}})
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		return reply
	}
	if _, body := get("/requests?source=a"); !strings.Contains(body, `value="/requests?source=a"`) {
		t.Errorf("a page without a session: %s", body)
	}
	if status, _ := server.ask("POST", "/rejected/1/retry", "", nil); status != 401 {
		t.Errorf("a change without a session: status %d", status)
	}
	if status, _ := server.ask("GET", "/api/status", "", nil); status != 401 {
		t.Errorf("the API without a password: status %d", status)
	}
	if status, _ := server.ask("GET", "/api/status", "", map[string]string{"Authorization": "Basic OmNvcnJlY3QgaG9yc2U="}); status != 200 {
		t.Errorf("the API with the password: status %d", status)
	}
	if status, _ := server.ask("GET", "/metrics", "", map[string]string{"Host": "relay.example"}); status != 200 {
		t.Errorf("metrics are for everybody who reaches the address: status %d", status)
	}
	if reply := login("wrong horse", "/"); reply.StatusCode != 401 {
		t.Errorf("a wrong password: status %d", reply.StatusCode)
	}
	for _, next := range []string{"//elsewhere.example", "https://elsewhere.example", `/\elsewhere.example`} {
		if reply := login("correct horse", next); reply.Request.URL.String() != server.admin+"/" {
			t.Errorf("led to %s", reply.Request.URL)
		}
	}
	if status, body := get("/requests"); status != 200 || !strings.Contains(body, "Log out") {
		t.Errorf("with a session: %d, %s", status, body)
	}
	set("another horse", 0)
	if _, body := get("/requests"); !strings.Contains(body, "current-password") {
		t.Errorf("after the password changed: %s", body)
	}
	login("another horse", "/")
	if reply, err := browser.PostForm(server.admin+"/logout", nil); err != nil {
		t.Fatal(err)
	} else {
		reply.Body.Close()
	}
	if _, body := get("/requests"); !strings.Contains(body, "current-password") {
		t.Errorf("after logging out: %s", body)
	}
	relay.must("admin", "remove-password")
	if status, _ := get("/requests"); status != 200 {
		t.Errorf("without a password on loopback: status %d", status)
	}
	weak := relay.command("serve")
	weak.Env = append(weak.Env, "RELAY_ADMIN_PASSWORD=short")
	if said, err := weak.CombinedOutput(); weak.ProcessState.ExitCode() != 2 || !strings.Contains(string(said), "RELAY_ADMIN_PASSWORD") {
		t.Errorf("a weak password in the environment: %v, %s", err, said)
	}
}
