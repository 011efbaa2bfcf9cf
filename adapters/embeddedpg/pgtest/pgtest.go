// Package pgtest gives each test a Postgres database of its own, on one server
// for the test binary, which starts with the first database that is asked for.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"relay/adapters/embeddedpg"
)

// server is the test binary's server.
type server struct {
	url       string
	stop      func() error
	strategy  string // how databases are copied; empty: the server's default
	databases atomic.Int64
	templates sync.Map // name of the template by prepare function, see template
}

var (
	once   sync.Once
	shared *server
	failed error
)

// Main runs the tests, stops the server and returns the exit code. Call it from
// TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	if shared != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
	}
	return code
}

// URL returns the URL of an empty database, which is dropped after the test.
func URL(t testing.TB) string {
	t.Helper()
	return get(t).create(t, "template0")
}

// New returns the URL of a database as prepare leaves it. prepare must be a
// function, not a closure: it runs once in a test binary, on a template that
// the databases are copied from.
func New(t testing.TB, prepare func(url string) error) string {
	t.Helper()
	s := get(t)
	made, _ := s.templates.LoadOrStore(reflect.ValueOf(prepare).Pointer(), &template{})
	name, err := made.(*template).get(s, prepare)
	if err != nil {
		t.Fatalf("prepare the template database: %v", err)
	}
	return s.create(t, name)
}

func get(t testing.TB) *server {
	t.Helper()
	once.Do(func() { shared, failed = start() })
	if failed != nil {
		t.Fatalf("start Postgres for the tests: %v", failed)
	}
	return shared
}

// start uses the server that RELAY_TEST_DATABASE_URL names, or starts one that
// is fast rather than safe: what a test wrote need not survive a crash.
func start() (*server, error) {
	if url := os.Getenv("RELAY_TEST_DATABASE_URL"); url != "" {
		s := &server{url: url}
		s.stop = s.dropTemplates
		return s, nil
	}
	dir, err := os.MkdirTemp("", "relay-pgtest-")
	if err != nil {
		return nil, err
	}
	watchdog, err := newWatchdog(dir)
	if err != nil {
		return nil, err
	}
	running, err := embeddedpg.Open(context.Background(), embeddedpg.Config{
		DataDir: dir, BinDir: os.Getenv("RELAY_POSTGRES_BIN"),
		Settings: map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB",
			"autovacuum_naptime": "60s", "max_connections": "300",
		},
	})
	if err != nil {
		return nil, errors.Join(err, watchdog.end())
	}
	s := &server{url: running.URL(), stop: func() error { return errors.Join(running.Close(), watchdog.end()) }}
	if s.strategy, err = copyStrategy(s.url); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// copyStrategy returns what is quickest where files are not synced: to copy the
// files, at a third of the cost of writing them to the WAL. Before version 15
// there is no other way.
func copyStrategy(url string) (string, error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var version int
	if err := db.QueryRow(`SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return "", fmt.Errorf("ask the server's version: %w", err)
	}
	if version < 150000 {
		return "", nil
	}
	return " STRATEGY FILE_COPY", nil
}

// template is a database that others are copied from.
type template struct {
	once sync.Once
	name string
	err  error
}

func (t *template) get(s *server, prepare func(url string) error) (string, error) {
	t.once.Do(func() {
		t.name = s.newName()
		if t.err = s.exec("CREATE DATABASE " + t.name + " TEMPLATE template0" + s.strategy); t.err == nil {
			t.err = prepare(s.urlOf(t.name))
		}
	})
	return t.name, t.err
}

// dropTemplates leaves nothing behind on a server that lives on.
func (s *server) dropTemplates() (err error) {
	s.templates.Range(func(_, made any) bool {
		if name := made.(*template).name; name != "" {
			err = errors.Join(err, s.exec("DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"))
		}
		return true
	})
	return err
}

func (s *server) newName() string {
	return fmt.Sprintf("relay_test_%d_%d", os.Getpid(), s.databases.Add(1))
}

func (s *server) urlOf(database string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		panic(err) // it was connected to before
	}
	u.Path = "/" + database
	return u.String()
}

func (s *server) create(t testing.TB, from string) string {
	t.Helper()
	name := s.newName()
	if err := s.exec("CREATE DATABASE " + name + " TEMPLATE " + from + s.strategy); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return s.urlOf(name)
}

// exec runs one statement on a connection of its own.
func (s *server) exec(statement string) error {
	db, err := sql.Open("postgres", s.url)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// pidFile is where the server notes its process.
func pidFile(dir string) string { return filepath.Join(dir, "postgres", "postmaster.pid") }
