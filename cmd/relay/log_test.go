package main

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// tailed is what relay log tail and show print as JSON.
type tailed struct {
	Offset int    `json:"log_offset"`
	Source string `json:"source"`
	Route  string `json:"route"`
	Calls  []struct {
		Index  int    `json:"index"`
		Type   string `json:"type"`
		Person string `json:"person"`
		What   string `json:"what"`
	} `json:"calls"`
	Body json.RawMessage `json:"body"`
}

// TestLogTail: people find the calls that they look for.
func TestLogTail(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	key := strings.TrimSpace(relay.must("keys", "create", "web"))
	server, db := relay.serve(), relay.open()
	bodies := []string{
		`{"type":"identify","userId":"ann","traits":{"email":"ann@example.com","plan":"pro"}}`,
		`[{"type":"track","userId":"bob","event":"Ordered"},7,{"type":"page","anonymousId":"a1","category":"Docs","name":"Start"}]`,
		`{"type":"alias","userId":"ann","previousId":"a1"}`,
		`{"type":"track","userId":"ann","event":"\u001b[2J</evil>","properties":{"n":1e999999}}`,
	}
	for _, body := range bodies {
		r := inbound{path: "/connector/segment", auth: "Bearer " + key, body: body, status: 200, source: "web"}
		r.check(t, db, r.do(t, server.address))
	}
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "event_prefix: p\n"))
	server.send(`{"type":"group","userId":"bob","groupId":"g"}`)
	for _, c := range []struct{ args, want string }{
		{"", "1.0 identify ann email, plan|2.0 track bob Ordered|2.2 page a1 Docs Start|3.0 alias ann was a1|4.0 track ann \uFFFD[2J</evil>|5 control mapping_activated|6.0 group bob"},
		{"--last 2", "5 control mapping_activated|6.0 group bob"},
		{"--last 0", ""},
		{"--source env", "6.0 group bob"},
		{"--source web --last 1", "4.0 track ann \uFFFD[2J</evil>"},
		{"--type track", "2.0 track bob Ordered|4.0 track ann \uFFFD[2J</evil>"},
		{"--type page --type control", "2.2 page a1 Docs Start|5 control mapping_activated"},
		{"--type track --last 2 --person bob", "2.0 track bob Ordered"},
		{"--person a1", "2.2 page a1 Docs Start|3.0 alias ann was a1"},
		{"--person a1 --last 1", "3.0 alias ann was a1"},
		{"--person nobody", ""},
	} {
		var got []string
		for line := range strings.Lines(relay.must(strings.Fields("log tail " + c.args)...)) {
			fields := strings.Fields(line) // offset, day, time, source, type, person, what
			got = append(got, strings.Join(slices.Delete(fields, 1, 4), " "))
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("log tail %s:\n got %s\nwant %s", c.args, strings.Join(got, "|"), c.want)
		}
	}
	if _, errOut, status := relay.run("log", "tail", "--type", "nope"); status != 2 || !strings.Contains(errOut, "identify") {
		t.Errorf("an unknown type: status %d, %s", status, errOut)
	}
	lines := strings.Split(strings.TrimSpace(relay.must("log", "tail", "--json", "--source", "web")), "\n")
	if len(lines) != len(bodies) {
		t.Fatalf("%d lines, want %d", len(lines), len(bodies))
	}
	for i, line := range lines {
		var e tailed
		if err := json.Unmarshal([]byte(line), &e); err != nil || string(e.Body) != bodies[i] || e.Source != "web" || e.Route != "/connector/segment" || e.Offset != i+1 || len(e.Calls) == 0 {
			t.Errorf("%s: %v", line, err)
		}
	}
	var shown tailed
	relay.json(&shown, "log", "show", "2")
	if len(shown.Calls) != 2 || shown.Calls[1].Index != 2 || shown.Calls[1].What != "Docs Start" || string(shown.Body) != bodies[1] {
		t.Errorf("log show: %+v", shown)
	}
}

// TestLogTailFollows shows calls as they arrive, those of one person only.
func TestLogTailFollows(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	server.send(`{"type":"track","userId":"ann","event":"Before"}`)
	tail := relay.command("log", "tail", "--follow", "--person", "ann", "--json")
	in, out := startWithPipes(t, tail)
	in.Close()
	lines := bufio.NewScanner(out)
	next := func(want string) {
		t.Helper()
		var e tailed
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &e) != nil || len(e.Calls) != 1 || e.Calls[0].What != want {
			t.Fatalf("got %q, want %s", lines.Text(), want)
		}
	}
	next("Before")
	server.send(`{"type":"track","userId":"bob","event":"Another"}`)
	server.send(`{"type":"track","userId":"ann","event":"First"}`)
	next("First")
	server.send(`{"type":"track","userId":"ann","event":"Second"}`)
	next("Second")
	if err := tail.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil {
		t.Errorf("interrupted, it ended with %v", err)
	}
}
