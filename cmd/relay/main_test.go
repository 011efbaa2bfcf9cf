package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres"
)

// binary is the real relay, built once for all tests of this package.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "relay-binary-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "relay")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	code := pgtest.Main(m)
	os.RemoveAll(dir)
	os.Exit(code)
}

const testKey = "a-key-for-tests"

// instance is a relay of one test: a database, and commands run on it.
type instance struct {
	t       *testing.T
	url     string
	dataDir string
	env     []string
}

// newInstance returns a relay on a database of the test's own server.
func newInstance(t *testing.T) *instance {
	t.Helper()
	return &instance{t: t, url: pgtest.URL(t), dataDir: t.TempDir()}
}

func (i *instance) command(args ...string) *exec.Cmd {
	c := exec.Command(binary, args...)
	c.Env = append(os.Environ(), "RELAY_DATABASE_URL="+i.url, "RELAY_DATA_DIR="+i.dataDir, "RELAY_API_KEY="+testKey,
		"RELAY_LISTEN=127.0.0.1:0", "RELAY_ADMIN_LISTEN=127.0.0.1:0")
	c.Env = append(c.Env, i.env...)
	return c
}

// run runs a command and returns what it printed and its exit status.
func (i *instance) run(args ...string) (stdout, stderr string, status int) {
	i.t.Helper()
	var out, errOut bytes.Buffer
	c := i.command(args...)
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		i.t.Fatal(err)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

// must runs a command that has to succeed.
func (i *instance) must(args ...string) string {
	i.t.Helper()
	out, errOut, status := i.run(args...)
	if status != 0 {
		i.t.Fatalf("relay %s: status %d\n%s%s", strings.Join(args, " "), status, out, errOut)
	}
	return out
}

// json runs a command that has to succeed, and reads what it printed.
func (i *instance) json(value any, args ...string) {
	i.t.Helper()
	if out := i.must(args...); json.Unmarshal([]byte(out), value) != nil {
		i.t.Fatalf("relay %s printed no JSON of that kind: %s", strings.Join(args, " "), out)
	}
}

// serving is a relay serve at work.
type serving struct {
	*instance
	process *exec.Cmd
	address string // http://host:port of the ingest listener
	admin   string
	stderr  *lines
	ended   chan struct{}
}

// serve starts relay serve and returns once both listeners answer.
func (i *instance) serve(args ...string) *serving {
	i.t.Helper()
	os.Remove(filepath.Join(i.dataDir, "relay.json"))
	s := &serving{instance: i, process: i.command(append([]string{"serve"}, args...)...), stderr: &lines{}, ended: make(chan struct{})}
	s.process.Stderr = s.stderr
	if err := s.process.Start(); err != nil {
		i.t.Fatal(err)
	}
	go func() { s.process.Wait(); close(s.ended) }()
	i.t.Cleanup(s.kill)
	waitFor(i.t, "relay serve to listen", func() bool {
		select {
		case <-s.ended:
			i.t.Fatalf("relay serve ended: %s", s.stderr)
		default:
		}
		var addresses struct {
			Listen      string `json:"listen"`
			AdminListen string `json:"admin_listen"`
		}
		data, err := os.ReadFile(filepath.Join(i.dataDir, "relay.json"))
		if err != nil || json.Unmarshal(data, &addresses) != nil {
			return false
		}
		s.address, s.admin = "http://"+addresses.Listen, "http://"+addresses.AdminListen
		return true
	})
	return s
}

// kill ends it as a crash does.
func (s *serving) kill() {
	_ = s.process.Process.Kill() // it may have ended
	<-s.ended
}

// stop ends it in order and returns its exit status.
func (s *serving) stop() int {
	s.t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.t.Fatalf("relay serve did not stop: %s", s.stderr)
	}
	return s.process.ProcessState.ExitCode()
}

var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

// post sends a payload and returns the reply's status and body; 0 when there
// was no reply.
func (s *serving) post(body string) (int, string) {
	request, err := http.NewRequest("POST", s.address+"/connector/segment/", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testKey)
	request.Header.Set("Content-Type", "application/json")
	reply, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return 0, err.Error()
	}
	return reply.StatusCode, strings.TrimSpace(string(text))
}

// send posts a payload that must be accepted.
func (s *serving) send(body string) {
	s.t.Helper()
	if status, text := s.post(body); status != http.StatusOK || text != `{"success":true}` {
		s.t.Fatalf("%.200s: status %d, %s", body, status, text)
	}
}

// open connects to the instance's database.
func (i *instance) open() *sql.DB {
	i.t.Helper()
	db, err := postgres.Open(i.t.Context(), i.url, 4)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { db.Close() })
	return db
}

// text returns the one value that a query gives, as text; "" for null.
func text(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	var value sql.NullString
	if err := db.QueryRow(query, args...).Scan(&value); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatalf("%s: %v", query, err)
	}
	return value.String
}

// settled waits until the live projections have projected the whole log.
func settled(t *testing.T, db *sql.DB) {
	t.Helper()
	waitFor(t, "projections to catch up", func() bool {
		return text(t, db, `SELECT bool_and(checkpoint = (SELECT max("offset") FROM relay.log)) FROM relay_store.generations WHERE status = 'serving'`) == "true"
	})
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 60 s for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// lines is a buffer that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// watch starts a command and calls line for each line of its stderr. The
// returned function waits for its end.
func (i *instance) watch(line func(process *os.Process, text string), args ...string) (wait func() int) {
	i.t.Helper()
	c := i.command(args...)
	pipe, err := c.StderrPipe()
	if err != nil {
		i.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = c.Process.Kill() })
	return func() int {
		scanner := bufio.NewScanner(pipe)
		for scanner.Scan() {
			line(c.Process, scanner.Text())
		}
		_ = c.Wait() // the status tells
		return c.ProcessState.ExitCode()
	}
}

func writeText(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

// held is a transaction that stays open until the test ends.
type held struct{ *sql.Tx }

func execer(t *testing.T, db *sql.DB) held {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return held{tx}
}

// Exec runs a statement in it.
func (h held) Exec(statement string) error {
	_, err := h.Tx.Exec(statement)
	return err
}
