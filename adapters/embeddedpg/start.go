package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// start starts the server and returns when it accepts connections, or when it
// is gone again.
func (c *cluster) start(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	crashed, err := c.clearPid()
	if err != nil {
		return err
	}
	if !crashed {
		return permanentOnly(c.launch(ctx))
	}
	c.logger.Info("the embedded server did not stop in order the last time; it recovers now")
	// Processes of a killed server may live on for a moment, and Postgres does
	// not start beside them.
	_, err = retry(ctx, 200*time.Millisecond, 30*time.Second, func() (none struct{}, err error) {
		return none, c.launch(ctx)
	})
	return err
}

// prepare does all that a server needs before it starts.
func (c *cluster) prepare(ctx context.Context) error {
	want, err := c.version()
	if err != nil {
		return err
	}
	if c.user, err = serverUser(c.dir); err != nil {
		return err
	}
	if c.server, err = findInstallation(ctx, c.config, c.dataDir, want, c.logger); err != nil {
		return err
	}
	if err := c.settleReach(ctx); err != nil {
		return err
	}
	if want == 0 {
		if err := c.init(ctx); err != nil {
			return err
		}
	}
	if err := c.makeSocketDir(); err != nil {
		return err
	}
	return c.configure(ctx)
}

// clearPid tells whether a server left its pid file behind. Postgres itself
// sees that the process is gone, unless its number is another program's now.
func (c *cluster) clearPid() (crashed bool, err error) {
	if _, err := os.Stat(c.pidFile()); err != nil {
		return false, nil
	}
	pid := c.readPid().pid
	if pid != 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true, nil
	}
	if err := os.Remove(c.pidFile()); err != nil {
		return true, fmt.Errorf("remove the pid file of a server that is gone: %w", err)
	}
	return true, nil
}

// launch runs the server once. Its error is permanent unless the server ended
// by itself.
func (c *cluster) launch(ctx context.Context) error {
	log, err := c.openLog()
	if err != nil {
		return backoff.Permanent(err)
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return backoff.Permanent(fmt.Errorf("find the end of the server's log: %w", err))
	}
	command := c.command(context.Background(), "postgres", "-D", c.dir)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return backoff.Permanent(fmt.Errorf("start the embedded server: %w", err))
	}
	ended := make(chan struct{})
	go func() { _ = command.Wait(); close(ended) }() // how it ended, its log tells
	err = c.untilReady(ctx, func() bool { return !closed(ended) })
	if err == nil {
		return nil
	}
	wasAlive := !closed(ended)
	_ = command.Process.Signal(syscall.SIGINT) // it may be gone
	<-ended
	err = fmt.Errorf("start the embedded server: %w%s", err, tail(c.logFile(), from))
	if wasAlive {
		return backoff.Permanent(err)
	}
	return err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// permanentOnly takes the mark off an error that nobody retries.
func permanentOnly(err error) error {
	var mark *backoff.PermanentError
	if errors.As(err, &mark) {
		return mark.Unwrap()
	}
	return err
}

// command prepares one of PostgreSQL's programs to run as the server's user. It
// gets none of relay's environment, which holds secrets and settings for
// Postgres's clients, but what the system needs to run it.
func (c *cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return c.asUser(ctx, append([]string{filepath.Join(c.server.dir, name)}, args...))
}

func (c *cluster) asUser(ctx context.Context, args []string) *exec.Cmd {
	if c.user != nil && c.user.reach != nil {
		// The kernel grants the rights with the start of a program, so a shell
		// is started first: the program itself may stand in a closed folder.
		args = append([]string{"/bin/sh", "-c", `exec "$0" "$@"`}, args...)
	}
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Dir = "/" // the server's user may not be let into the working folder
	command.Env = []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	command.SysProcAttr = c.user.attributes()
	return command
}

// run runs one of PostgreSQL's programs to its end; an error has what it said.
func (c *cluster) run(ctx context.Context, name string, args ...string) error {
	out, err := c.command(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
