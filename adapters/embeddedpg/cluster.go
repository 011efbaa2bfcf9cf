package embeddedpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"github.com/lib/pq"
)

// superuser is the cluster's only role.
const superuser = "relay"

// cluster is a database cluster in the data folder.
type cluster struct {
	dataDir  string // relay's
	dir      string // the cluster's
	binaries string
	major    int
	password string
	settings map[string]string
	user     *credential // whom the server runs as; nil: this process's user
	logger   *slog.Logger
}

func newCluster(dataDir string, config Config) (c cluster, err error) {
	c = cluster{dataDir: dataDir, dir: filepath.Join(dataDir, "postgres"), settings: config.Settings, logger: config.Logger}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if c.user, err = serverUser(); err != nil {
		return c, err
	}
	want, err := c.version()
	if err != nil {
		return c, err
	}
	if c.binaries, c.major, err = findBinaries(config, dataDir, want); err != nil {
		return c, err
	}
	c.password, err = c.readPassword()
	return c, err
}

// version returns the cluster's major version, 0 if there is no cluster yet.
func (c cluster) version() (int, error) {
	data, err := os.ReadFile(filepath.Join(c.dir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

func (c cluster) passwordFile() string { return filepath.Join(c.dataDir, "postgres.password") }

// readPassword returns the cluster's password, making one for a new cluster.
func (c cluster) readPassword() (string, error) {
	data, err := os.ReadFile(c.passwordFile())
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the embedded server's password: %w", err)
	}
	var bits [24]byte
	_, _ = rand.Read(bits[:]) // never fails
	password := hex.EncodeToString(bits[:])
	if err := renameio.WriteFile(c.passwordFile(), []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the embedded server's password: %w", err)
	}
	return password, nil
}

// ensureRunning starts the server unless it runs, and tells whether it did.
func (c cluster) ensureRunning(ctx context.Context) (started bool, err error) {
	if c.answers(ctx) == nil {
		return false, nil
	}
	if err := c.init(ctx); err != nil {
		return false, err
	}
	if err := c.configure(); err != nil {
		return false, err
	}
	if err := c.removeStalePid(); err != nil {
		return false, err
	}
	if err := c.start(ctx); err != nil {
		return false, err
	}
	return true, c.createDatabase(ctx)
}

// answers returns nil if the server accepts connections.
func (c cluster) answers(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.socketDir(), ".s.PGSQL.5432")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	db, err := sql.Open("postgres", c.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// init makes the cluster if there is none. It is built aside and renamed, so
// that one that was interrupted is no cluster.
func (c cluster) init(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.dir, "PG_VERSION")); err == nil {
		return nil
	}
	building := c.dir + ".new"
	if err := os.RemoveAll(building); err != nil {
		return fmt.Errorf("remove an unfinished cluster: %w", err)
	}
	if err := os.Mkdir(building, 0o700); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	if err := c.user.own(building); err != nil {
		return err
	}
	password := filepath.Join(building + ".password")
	if err := os.WriteFile(password, []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("hand the password to initdb: %w", err)
	}
	defer os.Remove(password)
	if err := c.user.own(password); err != nil {
		return err
	}
	out, err := c.run(ctx, "initdb", "--pgdata="+building, "--username="+superuser, "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums")
	if err != nil {
		return fmt.Errorf("make a database cluster in %s: %w\n%s", c.dir, err, out)
	}
	return os.Rename(building, c.dir)
}

// run runs one of PostgreSQL's programs as the server's user.
func (c cluster) run(ctx context.Context, name string, args ...string) (output string, err error) {
	command := exec.CommandContext(ctx, filepath.Join(c.binaries, name), args...)
	command.Dir = "/" // the server's user may not be let into the working folder
	command.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	command.SysProcAttr = c.user.attributes()
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	command.WaitDelay = time.Second // the server keeps its end of the pipe open
	if err = command.Run(); errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return out.String(), err
}

// start starts the server and waits until it accepts connections.
func (c cluster) start(ctx context.Context) error {
	if err := c.makeSocketDir(); err != nil {
		return err
	}
	logFile := filepath.Join(c.dir, "server.log")
	if info, err := os.Stat(logFile); err == nil && info.Size() > maxLog {
		_ = os.Rename(logFile, logFile+".1") // a log that grows is no reason not to start
	}
	out, err := c.run(ctx, "pg_ctl", "start", "-w", "-s", "-t", strconv.Itoa(int(startPatience.Seconds())), "-D", c.dir, "-l", logFile)
	if err != nil {
		return fmt.Errorf("start the embedded server: %w\n%s%s", err, out, tail(logFile))
	}
	return nil
}

const maxLog = 16 << 20

// stop stops the server; connections that are left are ended.
func (c cluster) stop(ctx context.Context) error {
	out, err := c.run(ctx, "pg_ctl", "stop", "-w", "-s", "-m", "fast", "-t", "50", "-D", c.dir)
	if err != nil && c.answers(ctx) == nil {
		return fmt.Errorf("stop the embedded server: %w\n%s", err, out)
	}
	return nil
}

// removeStalePid removes a pid file whose process is not a server: after a crash
// of the machine its number may be another program's.
func (c cluster) removeStalePid() error {
	path := filepath.Join(c.dir, "postmaster.pid")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the server's pid file: %w", err)
	}
	first, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err == nil && pid > 0 && isPostgres(pid) {
		return nil
	}
	c.logger.Info("the server did not stop in order the last time; it recovers now")
	return os.Remove(path)
}

// isPostgres tells whether the process may be a Postgres server; where that
// cannot be told, whether it lives.
func isPostgres(pid int) bool {
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		return strings.HasPrefix(string(name), "postgres")
	}
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// createDatabase makes relay's database.
func (c cluster) createDatabase(ctx context.Context) error {
	db, err := sql.Open("postgres", c.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `CREATE DATABASE relay`)
	var refused *pq.Error
	if errors.As(err, &refused) && refused.Code == "42P04" { // it exists
		return nil
	}
	if err != nil {
		return fmt.Errorf("create relay's database: %w", err)
	}
	return nil
}

// tail returns the end of a log.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return "last lines of its log:\n" + strings.Join(lines[max(len(lines)-15, 0):], "\n")
}

func freePort() uint32 {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 54320
	}
	defer listener.Close()
	return uint32(listener.Addr().(*net.TCPAddr).Port)
}
