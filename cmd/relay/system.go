package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"relay/adapters/embeddedpg"
	"relay/adapters/postgres"
	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/lookupstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/live"
	"relay/app/replay"
	"relay/migrations"
)

// defaultDataDir is in the working folder.
const defaultDataDir = ".relay"

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name: "database-url", EnvVars: []string{"RELAY_DATABASE_URL"},
			Usage: "PostgreSQL 14 or later; empty: relay starts an embedded server",
		},
		&cli.StringFlag{
			Name: "data-dir", EnvVars: []string{"RELAY_DATA_DIR"}, Value: defaultDataDir,
			Usage: "folder for the embedded server and relay.json",
		},
		&cli.StringFlag{Name: "log-level", EnvVars: []string{"RELAY_LOG_LEVEL"}, Value: "info", Usage: "debug, info, warn or error"},
	}
}

// system is an open database and the parts that commands are made of.
type system struct {
	url         string
	db          *sql.DB
	embedded    *embeddedpg.Server // nil with --database-url
	logger      *slog.Logger
	database    postgres.Database
	projections []app.Projection
	reader      logstore.Reader
	controls    logstore.Controls
	migrated    int   // how many migrations ran just now
	memory      int64 // budget of a rebuild in bytes; 0: the default
	maxBusy     int   // percent of the time that a rebuild's readers work; 0: 100
}

// connections is how many a command may have open at once.
const connections = 16

// open connects, starting the embedded server where no database is given, and
// brings the schema up to date.
func open(c *cli.Context) (*system, error) {
	s, err := connect(c)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(c.Context); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// connect opens the database and leaves its schema as it is.
func connect(c *cli.Context) (*system, error) {
	s := &system{logger: newLogger(c)}
	if s.url = c.String("database-url"); s.url == "" {
		server, err := embeddedpg.Open(c.Context, embeddedpg.Config{
			DataDir: c.String("data-dir"), BinDir: os.Getenv("RELAY_POSTGRES_BIN"), Logger: s.logger,
		})
		if err != nil {
			return nil, fmt.Errorf("embedded Postgres: %w", err)
		}
		s.embedded, s.url = server, server.URL()
	}
	db, err := postgres.Open(c.Context, s.url, connections)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.db = db
	s.database = postgres.Database{DB: db}
	s.projections = tables.Projections(db)
	return s, nil
}

// prepare migrates the schema and makes every projection queryable.
func (s *system) prepare(ctx context.Context) (err error) {
	if s.migrated, err = postgres.Migrate(ctx, s.db, migrations.FS); err != nil {
		return err
	}
	if err := tables.Setup(s.database, s.controls).Ensure(ctx, s.projections, s.migrated > 0); err != nil || s.migrated == 0 {
		return err
	}
	if err := s.readers().Regrant(ctx); err != nil {
		s.logger.Warn("after a migration, SQL users may lack access to new views; relay readers create NAME grants it again", "error", err)
	}
	return nil
}

func (s *system) close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	if s.embedded != nil {
		err = errors.Join(err, s.embedded.Close())
	}
	return err
}

func newLogger(c *cli.Context) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: level}))
}

// with runs a command on an open system, and closes the system afterwards.
func with(do func(c *cli.Context, s *system) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		s, err := open(c)
		if err != nil {
			return err
		}
		return errors.Join(do(c, s), s.close())
	}
}

func (s *system) mappings() *app.Mappings {
	return &app.Mappings{
		DB: s.database, Controls: s.controls, Timelines: tables.Timelines{}, Projections: projectionNames, Now: time.Now,
	}
}

func (s *system) projector(observe func(string, live.BatchResult), onError func(string, error)) *live.Projector {
	return &live.Projector{
		DB: s.database, Log: s.reader, Controls: s.controls, Issues: tables.Issues{}, Observe: observe,
		Consumer: logstore.NewConsumers(s.db, logstore.ConsumersConfig{OnError: onError, Logger: s.logger}),
	}
}

// store is what plans are made from, and what builds and samples read.
func (s *system) store() replay.Store {
	return replay.Store{
		DB: s.database, Projections: s.projections, Log: s.reader, LogSize: s.reader, Controls: s.controls, Generations: tables.Generations{},
	}
}

// logWorkers is how many workers of a rebuild or of a sample read the log at once.
const logWorkers = 3

func (s *system) builder(report func(replay.Progress)) *replay.Builder {
	b := &replay.Builder{
		Store: s.store(), Live: lookupstore.Statuses{DB: s.db}, Projector: s.projector(nil, nil),
		Logger: s.logger, Workers: logWorkers, Memory: s.memory, MaxBusy: s.maxBusy, Report: report,
	}
	tables.WireBuilder(b, s.db)
	return b
}

func (s *system) reprojector(report func(replay.Progress)) *replay.Reprojector {
	return tables.NewReprojector(s.builder(report), s.db)
}

// projectionNames are the names of all projections; the list needs no database
// for them.
var projectionNames = app.NamesOf(tables.Projections(nil))

var projectionFlag = &cli.StringFlag{Name: "projection", Usage: strings.Join(projectionNames, " or ") + "; default: all"}

// choose returns the projections of that name; all of them for none.
func (s *system) choose(name string) ([]app.Projection, error) {
	if name == "" {
		return s.projections, nil
	}
	for _, p := range s.projections {
		if p.Name == name {
			return []app.Projection{p}, nil
		}
	}
	return nil, usageError{fmt.Errorf("no projection %q; there are %s", name, strings.Join(projectionNames, " and "))}
}
