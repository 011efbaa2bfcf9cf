package embeddedpg

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestKilledUser: the server of a killed command is used, and stopped, by the
// next.
func TestKilledUser(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	command := newCommand(t, dir).ready()
	pid := serverPid(dir)
	command.kill()
	next := open(t, dir)
	if next.Started() || serverPid(dir) != pid {
		t.Error("the server that ran was not used")
	}
	query(t, next.URL(), `SELECT 1`)
	closeServer(t, next)
	if serverPid(dir) != 0 {
		t.Error("the server runs after its last user is gone")
	}
}

// TestKilledServer: a killed server is started again with all that was
// committed, even while a process of it still computes.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := open(t, dir)
	query(t, server.URL(), `WITH w AS (SELECT lo_from_bytea(4711, 'kept')) SELECT count(*) FROM w`)
	db, err := sql.Open("postgres", server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	computing := make(chan struct{})
	go func() {
		defer close(computing)
		_, _ = db.Exec(`DO $$ BEGIN PERFORM pg_advisory_lock(1); WHILE clock_timestamp() < now() + interval '1500 ms' LOOP END LOOP; END $$`) // it ends with the server
	}()
	waitFor(t, "a query that computes", func() bool {
		return query(t, server.URL(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`) == "1"
	})
	if err := syscall.Kill(serverPid(dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the server's end", func() bool { return serverPid(dir) == 0 })
	next := open(t, dir)
	if !next.Started() {
		t.Error("the server was not started again")
	}
	if got := query(t, server.URL(), `SELECT convert_from(lo_get(4711), 'UTF8')`); got != "kept" {
		t.Errorf("read %q", got)
	}
	<-computing
	closeServer(t, server)
	closeServer(t, next)
}

// TestSupervise: a server that dies is started again, under the same URL.
func TestSupervise(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { server.Supervise(ctx); close(ended) }()
	pid := serverPid(dir)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the next server", func() bool {
		next := serverPid(dir)
		return next != 0 && next != pid && server.cluster.answers(t.Context())
	})
	cancel()
	<-ended
	closeServer(t, server)
}

// answers tells whether the server takes connections.
func (c cluster) answers(ctx context.Context) bool { return c.ping(ctx) == nil }

// TestPidOfAnother: after a crash of the machine the pid file may name a
// process of the same user that has nothing to do with the cluster.
func TestPidOfAnother(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := open(t, dir)
	closeServer(t, server)
	stranger := exec.Command("sleep", "60")
	stranger.SysProcAttr = server.cluster.user.attributes()
	stranger.Dir = "/"
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait() // it tells of the kill
	}()
	left := fmt.Sprintf("%d\n%s\n%d\n5432\n%s\n\n", stranger.Process.Pid, server.cluster.dir, time.Now().Unix(), server.cluster.dir)
	write(t, server.cluster.pidFile(), left)
	if err := server.cluster.user.own(server.cluster.pidFile()); err != nil {
		t.Fatal(err)
	}
	next := open(t, dir)
	if !next.Started() {
		t.Error("a stranger was taken for the server")
	}
	closeServer(t, next)
	if err := syscall.Kill(stranger.Process.Pid, 0); err != nil {
		t.Errorf("the stranger was harmed: %v", err)
	}
}

// TestCancelled: an Open that is given up, at any moment, leaves no server and
// nothing that hinders the next.
func TestCancelled(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	for _, moment := range []string{"postgres.new", "postgres/PG_VERSION", "postgres/postmaster.pid"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			server, err := Open(ctx, Config{DataDir: dir, Settings: quick})
			if err == nil { // it was quicker than the cancellation
				err = server.Close()
			}
			ended <- err
		}()
		waitFor(t, moment, func() bool {
			_, err := os.Stat(filepath.Join(dir, moment))
			return err == nil || len(ended) > 0
		})
		cancel()
		if err := <-ended; err != nil && ctx.Err() == nil {
			t.Errorf("cancelled at %s: %v", moment, err)
		}
		if pid := serverPid(dir); pid != 0 {
			t.Fatalf("cancelled at %s: the server runs as process %s", moment, strconv.Itoa(pid))
		}
	}
	closeServer(t, open(t, dir))
}

// TestServerThatCannotStart: the error shows what the server said.
func TestServerThatCannotStart(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	_, err := Open(t.Context(), Config{DataDir: dir, Settings: map[string]string{"shared_buffers": "a lot"}})
	wantError(t, err, "start the embedded server", "shared_buffers", "postgres.log")
	server := open(t, dir)
	write(t, filepath.Join(dir, "postgres.password"), "another\n")
	_, err = Open(t.Context(), Config{DataDir: dir, Settings: quick})
	wantError(t, err, "postgres.password")
	closeServer(t, server)
}
