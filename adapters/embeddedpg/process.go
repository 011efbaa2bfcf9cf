package embeddedpg

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/lib/pq/pqerror"
)

// process is the cluster's server process, as its pid file tells.
type process struct {
	pid    int
	socket string // the folder of its socket; empty while it starts
}

func (c *cluster) pidFile() string { return filepath.Join(c.dir, "postmaster.pid") }

// readPid returns what the pid file says; a process of 0 if there is none.
func (c *cluster) readPid() process {
	data, err := os.ReadFile(c.pidFile())
	if err != nil {
		return process{}
	}
	lines := strings.Split(string(data), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		return process{}
	}
	const socketLine = 4
	if len(lines) <= socketLine {
		return process{pid: pid}
	}
	return process{pid: pid, socket: lines[socketLine]}
}

// running returns the server process, if there is one.
func (c *cluster) running() (process, bool) {
	p := c.readPid()
	return p, p.pid != 0 && c.serves(p.pid)
}

// serves tells whether the process is a server at work on the cluster. After a
// crash of the machine the number in the pid file may be any program's.
func (c *cluster) serves(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		_, err := os.Stat("/proc/self/cmdline")
		return err != nil // where nothing can be known of a process, that it lives must do
	}
	args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	at := slices.Index(args, "-D")
	if filepath.Base(args[0]) != "postgres" || at < 0 || at+1 >= len(args) {
		return false
	}
	return sameFile(args[at+1], c.dir)
}

func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// errEnded is untilReady's error for a server that ended before it was ready.
var errEnded = errors.New("the embedded server ended before it accepted connections")

// untilReady waits until the server accepts connections and has relay's
// database.
func (c *cluster) untilReady(ctx context.Context, lives func() bool) error {
	_, err := retry(ctx, 20*time.Millisecond, patience, func() (none struct{}, err error) {
		alive := lives() // asked first: a server that answers and then ends is no error
		if c.socket = c.readPid().socket; alive && c.socket == "" {
			return none, errors.New("the embedded server is starting")
		}
		switch err := c.ping(ctx); {
		case err == nil:
			return none, nil
		case refusedWith(err, pqerror.InvalidCatalogName):
			return none, permanent(c.createDatabase(ctx))
		case refusedWith(err, pqerror.InvalidPassword):
			return none, backoff.Permanent(fmt.Errorf("the embedded server refuses the password in %s/postgres.password: %w", c.dataDir, err))
		case !alive:
			return none, backoff.Permanent(errEnded)
		default:
			return none, fmt.Errorf("connect to the embedded server: %w", err)
		}
	})
	return err
}

func permanent(err error) error {
	if err == nil {
		return nil
	}
	return backoff.Permanent(err)
}

func (c *cluster) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := sql.Open("postgres", c.url(database))
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// stop stops the server, if it runs, and returns when it is gone. Connections
// that are left are ended.
func (c *cluster) stop(ctx context.Context) error {
	process, runs := c.running()
	if !runs {
		return nil
	}
	const fast = syscall.SIGINT
	if err := syscall.Kill(process.pid, fast); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the embedded server, process %d: %w", process.pid, err)
	}
	if err := c.untilGone(ctx, process.pid); err != nil {
		return fmt.Errorf("the embedded server, process %d, is asked to stop and still writes to its files: %w", process.pid, err)
	}
	return c.removeSocketDir(process.socket)
}

func (c *cluster) untilGone(ctx context.Context, pid int) error {
	_, err := retry(ctx, 5*time.Millisecond, patience, func() (none struct{}, err error) {
		if c.serves(pid) {
			return none, errors.New("it lives")
		}
		return none, nil
	})
	return err
}
