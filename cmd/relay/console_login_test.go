package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestLoginIsLimited: who guesses the password, on the page or as a program, is
// told to wait, while those who logged in before are not affected.
func TestLoginIsLimited(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	relay.env = append(relay.env, "RELAY_ADMIN_PASSWORD=correct horse")
	server := relay.serve()
	guess := func(password, from string) (int, string, string) {
		t.Helper()
		request, err := http.NewRequest("POST", server.admin+"/login", strings.NewReader(url.Values{"password": {password}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("X-Forwarded-For", from)
		reply, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		body, err := io.ReadAll(reply.Body)
		if err != nil {
			t.Fatal(err)
		}
		return reply.StatusCode, reply.Header.Get("Retry-After"), string(body)
	}
	as := func(password, from string) map[string]string {
		return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+password)), "X-Forwarded-For": from}
	}
	wrong, status, retry, body := 0, 0, "", ""
	for range 30 {
		if status, retry, body = guess("wrong horse", "203.0.113.1"); status != 401 {
			break
		}
		wrong++
	}
	if status != 429 || retry == "" || retry == "0" || wrong < 5 || wrong > 20 || !strings.Contains(body, "Too many wrong passwords") || !strings.Contains(body, "<h1>Too Many Requests</h1>") {
		t.Errorf("after %d wrong ones: %d, Retry-After %q, %s", wrong, status, retry, body)
	}
	if status, body := server.ask("GET", "/api/status", "", as("wrong horse", "203.0.113.1")); status != 429 || !strings.Contains(body, `"error"`) {
		t.Errorf("a program from there: %d, %s", status, body)
	}
	if status, _, _ := guess("correct horse", "203.0.113.2"); status != 303 {
		t.Errorf("from another address: %d", status)
	}
	for range 2 * wrong {
		if status, _ := server.ask("GET", "/api/status", "", as("correct horse", "203.0.113.3")); status != 200 {
			t.Fatalf("a program with the password: %d", status)
		}
	}
}
