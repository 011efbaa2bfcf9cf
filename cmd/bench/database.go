package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"

	"github.com/lib/pq"

	"relay/adapters/embeddedpg"
	"relay/adapters/postgres"
	"relay/migrations"
)

// server is the Postgres server to measure on: that of RELAY_DATABASE_URL, or an
// embedded one in a folder that is removed afterwards.
type server struct {
	url     string
	db      *sql.DB
	version string
	stop    func() error
}

func openServer(ctx context.Context) (*server, error) {
	s := &server{url: os.Getenv("RELAY_DATABASE_URL"), stop: func() error { return nil }}
	if s.url == "" {
		if err := s.embed(ctx); err != nil {
			return nil, err
		}
	}
	var err error
	if s.db, err = postgres.Open(ctx, s.url, 2); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	stop := s.stop
	s.stop = func() error { return errors.Join(s.db.Close(), stop()) }
	if err := s.db.QueryRowContext(ctx, "SHOW server_version").Scan(&s.version); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) embed(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "relay-bench-")
	if err != nil {
		return err
	}
	embedded, err := embeddedpg.Open(ctx, embeddedpg.Config{
		DataDir: dir, BinDir: os.Getenv("RELAY_POSTGRES_BIN"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	s.url = embedded.URL()
	s.stop = func() error { return errors.Join(embedded.Close(), os.RemoveAll(dir)) }
	return nil
}

// place is one migrated database to measure in.
type place struct {
	url   string
	db    *sql.DB // as relay opens it
	plain *sql.DB // as Watermill's users open it
}

// with runs do on the database of that name, which stays; without a name, on a new
// one that is dropped afterwards.
func (s *server) with(ctx context.Context, name string, do func(context.Context, *place) error) error {
	if name == "" {
		name = fmt.Sprintf("relay_bench_%d", os.Getpid())
		defer s.drop(name)
	}
	if err := s.create(ctx, name); err != nil {
		return err
	}
	p, err := openPlace(ctx, s.url, name)
	if err != nil {
		return err
	}
	defer p.plain.Close()
	defer p.db.Close()
	return do(ctx, p)
}

// create creates the database unless it is there.
func (s *server) create(ctx context.Context, name string) error {
	var there bool
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM pg_database WHERE datname = $1", name).Scan(&there); err != nil {
		return fmt.Errorf("look for the database to measure in: %w", err)
	}
	if there {
		return nil
	}
	if _, err := s.db.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(name)); err != nil {
		return fmt.Errorf("create a database to measure in: %w", err)
	}
	return nil
}

// drop works after an interruption too: it has a context of its own.
func (s *server) drop(name string) {
	_, _ = s.db.ExecContext(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") // its name tells what it is
}

func openPlace(ctx context.Context, serverURL, name string) (p *place, err error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	u.Path = "/" + name
	p = &place{url: u.String()}
	if p.plain, err = sql.Open("postgres", p.url); err != nil {
		return nil, err
	}
	if p.db, err = postgres.Open(ctx, p.url, 16); err != nil {
		return nil, errors.Join(err, p.plain.Close())
	}
	if _, err := postgres.Migrate(ctx, p.db, migrations.FS); err != nil {
		return nil, errors.Join(err, p.db.Close(), p.plain.Close())
	}
	return p, nil
}

func (p *place) exec(ctx context.Context, statement string) error {
	_, err := p.db.ExecContext(ctx, statement)
	return err
}
