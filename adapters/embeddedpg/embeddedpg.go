// Package embeddedpg runs a Postgres server of relay's own: on a data folder,
// shared by all relay commands that are given that folder, and stopped by the
// last of them. It knows nothing of relay's schema.
package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config says where the server's files are.
type Config struct {
	DataDir string // of relay; the cluster stands in its subfolder postgres
	BinDir  string // PostgreSQL's folder of binaries, or its postgres binary; empty: search, then download
	// Repository is where binaries are downloaded from when none are found;
	// empty: the library's own.
	Repository string
	Logger     *slog.Logger
	// Settings are added to relay's own, or override them.
	Settings map[string]string
}

// Server is a running server that this process uses.
type Server struct {
	cluster cluster
	users   *lock // nil once closed
	started bool
}

// patience is how long a server may take to start or to stop: the one may have
// to recover, the other to write all that it holds in memory.
const patience = 5 * time.Minute

// Open uses the server that runs on the data folder, or starts one. When ctx
// ends before that is done, a server that was being started is stopped.
func Open(ctx context.Context, config Config) (*Server, error) {
	dir, err := makeDataDir(config.DataDir)
	if err != nil {
		return nil, err
	}
	// Starting and stopping exclude each other; using the server is shared.
	startStop, err := acquire(ctx, filepath.Join(dir, "postgres.lock"), exclusive)
	if err != nil {
		return nil, err
	}
	defer startStop.release()
	s := &Server{cluster: newCluster(dir, config)}
	if s.users, err = acquire(ctx, filepath.Join(dir, "postgres.users"), shared); err != nil {
		return nil, err
	}
	if s.started, err = s.cluster.ensureRunning(ctx); err != nil {
		return nil, errors.Join(err, s.users.release())
	}
	return s, nil
}

// makeDataDir returns the folder's one true path: the place of the socket may
// depend on it.
func makeDataDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no data folder is named; name one with --data-dir")
	}
	if strings.ContainsAny(dir, "\n\r") {
		return "", fmt.Errorf("the data folder %q has a line break in its name, which Postgres cannot take; name another with --data-dir", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the data folder (name another with --data-dir): %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	return dir, nil
}

// URL returns a connection string for any client on this machine. It holds as
// long as the server runs, and again when it is started again.
func (s *Server) URL() string { return s.cluster.url(database) }

// Started tells whether this process started the server.
func (s *Server) Started() bool { return s.started }

// Tool returns the path of one of PostgreSQL's programs, such as psql, that
// belongs to the server; empty if there is none.
func (s *Server) Tool(name string) string {
	path := filepath.Join(s.cluster.toolDir(), name)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return ""
	}
	return path
}

// Close ends this process's use of the server, and stops the server if nobody
// else uses it. Then it returns when the server is gone. A second Close does
// nothing.
func (s *Server) Close() error {
	if s.users == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	users := s.users
	s.users = nil
	startStop, err := acquire(ctx, filepath.Join(s.cluster.dataDir, "postgres.lock"), exclusive)
	if err != nil {
		return errors.Join(err, users.release())
	}
	defer startStop.release()
	if err := users.release(); err != nil {
		return fmt.Errorf("let go of the embedded server: %w", err)
	}
	last, err := tryAcquire(filepath.Join(s.cluster.dataDir, "postgres.users"), exclusive)
	if errors.Is(err, errHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	defer last.release()
	return s.cluster.stop(ctx)
}
