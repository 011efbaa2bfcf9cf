package embeddedpg

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// quick makes servers of tests start and stop quickly.
var quick = map[string]string{"shared_buffers": "16MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}

// helperDir is set in a process of this test binary that stands for another
// relay command: it opens the folder's server, tells so on stdout, and closes
// it when its stdin ends.
const helperDir = "RELAY_TEST_EMBEDDED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		if err := help(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func help(dir string) error {
	server, err := Open(context.Background(), Config{DataDir: dir, Settings: quick})
	if err != nil {
		return err
	}
	fmt.Println(server.Started(), server.URL())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return server.Close()
}

// command is another relay command that uses the server.
type command struct {
	t       *testing.T
	process *exec.Cmd
	stdin   io.Closer
	stdout  *bufio.Reader
	url     string
	started bool
}

// newCommand starts one; wrap, if any, is a program that runs it.
func newCommand(t *testing.T, dir string, wrap ...string) *command {
	t.Helper()
	args := append(wrap, os.Args[0])
	c := &command{t: t, process: exec.Command(args[0], args[1:]...)}
	c.process.Env = append(os.Environ(), helperDir+"="+dir)
	c.process.Stderr = os.Stderr
	stdin, err := c.process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin, c.stdout = stdin, bufio.NewReader(stdout)
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.process.Process.Kill() }) // only where a test failed on its way
	return c
}

// ready returns once the command uses the server.
func (c *command) ready() *command {
	c.t.Helper()
	line, err := c.stdout.ReadString('\n')
	if err != nil {
		c.t.Fatalf("a command did not open the server: %v", err)
	}
	if _, err := fmt.Sscan(line, &c.started, &c.url); err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	return c
}

func (c *command) end() {
	c.t.Helper()
	c.stdin.Close()
	if err := c.process.Wait(); err != nil {
		c.t.Errorf("a command ended with %v", err)
	}
}

func (c *command) kill() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait() // it tells of the kill
}

// dataDir is a folder for relay's data; what runs there at the end is killed.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	t.Cleanup(func() {
		if pid := serverPid(dir); pid != 0 {
			t.Errorf("the server still runs as process %d", pid)
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			waitFor(t, "the server's end", func() bool { return serverPid(dir) == 0 })
		}
	})
	return dir
}

// serverPid returns the server's process, 0 if there is none. It goes by the
// pid file and the process alone; a dead process that nobody asked after, as
// where the first process of a container asks after none, is none.
func serverPid(dir string) (pid int) {
	data, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(data), &pid); err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(line) == 0 {
		return 0
	}
	return pid
}

func open(t *testing.T, dir string) *Server {
	t.Helper()
	server, err := Open(t.Context(), Config{DataDir: dir, Settings: quick})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, server) }) // for a test that fails on its way
	return server
}

func closeServer(t *testing.T, server *Server) {
	t.Helper()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// query returns the one value of a statement's result.
func query(t *testing.T, url, statement string) (value string) {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(statement).Scan(&value); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// waitFor polls until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q, want %q in it", err, part)
		}
	}
}
