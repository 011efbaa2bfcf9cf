package pgtest_test

import (
	"bufio"
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

	"relay/adapters/embeddedpg/pgtest"
)

// toBeKilled is set in a copy of this test binary that waits for its end with a
// server running.
const toBeKilled = "RELAY_TEST_PGTEST_KILLED"

func TestThatIsKilled(t *testing.T) {
	if os.Getenv(toBeKilled) == "" {
		t.Skip("it is for TestKilledBinary")
	}
	db, err := sql.Open("postgres", pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var dir string
	if err := db.QueryRow(`SELECT current_setting('data_directory')`).Scan(&dir); err != nil {
		t.Fatal(err)
	}
	fmt.Println("cluster", dir)
	if os.Getenv(toBeKilled) == "panic" {
		go panic("as a test may")
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}

// TestKilledBinary: a test binary leaves no server and no files, even where it
// has no chance to clean up.
func TestKilledBinary(t *testing.T) {
	t.Parallel()
	if os.Getenv(toBeKilled) != "" || os.Getenv("RELAY_TEST_DATABASE_URL") != "" {
		t.Skip("it is for a binary with a server of its own")
	}
	for _, how := range []string{"kill", "panic"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			binary := exec.Command(os.Args[0], "-test.run=^TestThatIsKilled$", "-test.v")
			binary.Env = append(os.Environ(), toBeKilled+"="+how)
			if _, err := binary.StdinPipe(); err != nil {
				t.Fatal(err)
			}
			stdout, err := binary.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := binary.Start(); err != nil {
				t.Fatal(err)
			}
			cluster := clusterIn(t, stdout)
			pid := postmaster(t, cluster)
			if how == "kill" {
				_ = binary.Process.Kill()
			}
			_ = binary.Wait() // it tells of the kill
			waitFor(t, "the server's end", func() bool { return ended(pid) })
			waitFor(t, "the removal of its folder", func() bool {
				_, err := os.Stat(filepath.Dir(cluster))
				return os.IsNotExist(err)
			})
		})
	}
}

func clusterIn(t *testing.T, stdout io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if dir, ok := strings.CutPrefix(lines.Text(), "cluster "); ok {
			go func() { _, _ = io.Copy(io.Discard, stdout) }() // so that it can go on writing
			return dir
		}
	}
	t.Fatal("the binary told of no server")
	return ""
}

func postmaster(t *testing.T, cluster string) (pid int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(cluster, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(data), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// ended tells whether a process is gone, or is a dead one that nobody asked
// after, as where the first process of a container asks after none.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && len(line) == 0
}

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
