// Package embeddedpg runs a Postgres server of relay's own: on a data folder,
// shared by all relay commands that are given that folder, and stopped by the
// last of them. It knows nothing of relay's schema.
package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
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
	users   *lock
	started bool
}

// startPatience is how long a server may take to accept connections, crash
// recovery included.
const startPatience = 5 * time.Minute

// Open uses the server that runs on the data folder, or starts one.
func Open(ctx context.Context, config Config) (*Server, error) {
	dir, err := filepath.Abs(config.DataDir)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the data folder (name another with --data-dir): %w", err)
	}
	// Starting and stopping exclude each other; using the server is shared.
	startStop, err := acquire(ctx, filepath.Join(dir, "postgres.lock"), exclusive)
	if err != nil {
		return nil, err
	}
	defer startStop.release()
	s := &Server{}
	if s.cluster, err = newCluster(dir, config); err != nil {
		return nil, err
	}
	if s.started, err = s.cluster.ensureRunning(ctx); err != nil {
		return nil, err
	}
	if s.users, err = acquire(ctx, filepath.Join(dir, "postgres.users"), shared); err != nil {
		return nil, err
	}
	return s, nil
}

// URL returns a connection string for any client on this machine.
func (s *Server) URL() string { return s.cluster.url("relay") }

// Started tells whether this process started the server.
func (s *Server) Started() bool { return s.started }

// Tool returns the path of one of PostgreSQL's programs, such as psql, that
// belongs to the server; empty if there is none.
func (s *Server) Tool(name string) string {
	path := filepath.Join(s.cluster.binaries, name)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return ""
	}
	return path
}

// Close ends this process's use of the server, and stops it if nobody else uses
// it.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	startStop, err := acquire(ctx, filepath.Join(s.cluster.dataDir, "postgres.lock"), exclusive)
	if err != nil {
		return errors.Join(err, s.users.release())
	}
	defer startStop.release()
	if err := s.users.release(); err != nil {
		return err
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

// url names a database of the cluster.
func (c cluster) url(database string) string {
	query := url.Values{"host": {c.socketDir()}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, c.password), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}
