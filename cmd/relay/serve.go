package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"relay/adapters/console"
	"relay/adapters/metrics"
	"relay/adapters/postgres/ingeststore"
	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/lookupstore"
	"relay/adapters/postgres/tables"
	"relay/adapters/webhook"
	"relay/app"
	"relay/app/ingest"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "take payloads in and project them",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "listen", EnvVars: []string{"RELAY_LISTEN"}, Value: "127.0.0.1:8080", Usage: "address for Segment"},
			&cli.StringFlag{Name: "admin-listen", EnvVars: []string{"RELAY_ADMIN_LISTEN"}, Value: "127.0.0.1:8081", Usage: "address for operators: the console, /metrics, /healthz, /readyz"},
			&cli.BoolFlag{Name: "erase-on-delete", EnvVars: []string{"RELAY_ERASE_ON_DELETE"}, Value: true, Usage: "whether Segment's delete calls erase their person"},
		}, limitFlags()...),
		Action: with(serve),
	}
}

// server is relay serve at work.
type server struct {
	*system
	c          *cli.Context
	limits     limits
	metrics    *metrics.Metrics
	appender   *logstore.Appender
	ring       *ingeststore.KeyRing
	requests   *ingeststore.Requests
	suppressed *ingeststore.Suppressed
	ingest     net.Listener
	admin      net.Listener
}

func serve(c *cli.Context, s *system) error {
	limits, err := readLimits(c)
	if err != nil {
		return err
	}
	srv := &server{system: s, c: c, limits: limits, metrics: metrics.New(lookupstore.Statuses{DB: s.db})}
	if err := srv.listen(); err != nil {
		return err
	}
	if err := srv.start(); err != nil {
		return err
	}
	firstKey, err := srv.firstKey() // when nothing can go wrong before it is printed
	if err != nil {
		return err
	}
	return srv.run(firstKey)
}

// firstKey makes the first API key of a new database, unless the environment
// gives one.
func (s *server) firstKey() (string, error) {
	if os.Getenv("RELAY_API_KEY") != "" {
		return "", nil
	}
	return s.keys().First(s.c.Context, "default")
}

func (s *server) listen() (err error) {
	if s.ingest, err = net.Listen("tcp", s.c.String("listen")); err != nil {
		return fmt.Errorf("listen for Segment: %w (choose another address with --listen)", err)
	}
	if s.admin, err = net.Listen("tcp", s.c.String("admin-listen")); err != nil {
		return errors.Join(fmt.Errorf("listen for operators: %w (choose another address with --admin-listen)", err), s.ingest.Close())
	}
	return nil
}

func (s *server) start() (err error) {
	s.appender = logstore.NewAppender(s.db, logstore.AppenderConfig{OnCommitted: s.metrics.Committed})
	s.ring = ingeststore.NewKeyRing(s.db, os.Getenv("RELAY_API_KEY"), s.logger)
	s.requests = ingeststore.NewRequests(s.db, s.logger)
	s.suppressed, err = ingeststore.NewSuppressed(s.c.Context, s.db)
	return err
}

// run serves until the context ends, and then stops in order: no new requests,
// those under way answered, the appender empty, projections after their batch.
func (s *server) run(firstKey string) error {
	defer runtime.KeepAlive(make([]byte, ballast))
	background, stopBackground := context.WithCancel(context.WithoutCancel(s.c.Context))
	defer stopBackground()
	reprojections := s.served(background)
	pages, err := s.console(reprojections)
	if err != nil {
		return err
	}
	ingestServer, adminServer, err := s.handlers(pages)
	if err != nil {
		return err
	}
	failed := make(chan error, 3)
	go func() { failed <- ingestServer.Serve(s.ingest) }()
	go func() { failed <- adminServer.Serve(s.admin) }()
	var wg sync.WaitGroup
	s.tend(background, &wg, pages)
	wg.Go(func() {
		if err := s.projector(s.metrics.Projected, s.metrics.ProjectionFailed).Run(background, s.projections); err != nil {
			failed <- err
		}
	})
	if err := s.announce(firstKey); err != nil {
		s.logger.Error("relay.json could not be written", "error", err)
	}
	select {
	case <-s.c.Context.Done():
		err = nil
	case err = <-failed:
	}
	s.logger.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	err = errors.Join(err, ingestServer.Shutdown(ctx), s.closeAppender(), adminServer.Shutdown(ctx))
	stopBackground()
	wg.Go(reprojections.runner.Wait)
	s.waitFor(&wg)
	s.withdraw()
	return err
}

// closeAppender waits for what is under way to the log, and not for a database
// that hangs: whoever sent it was told to send again.
func (s *server) closeAppender() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience) // a sender may have used up its own
	defer cancel()
	_, err := app.InTime(ctx, func() (struct{}, error) {
		s.appender.Close()
		return struct{}{}, nil
	})
	if err != nil {
		return fmt.Errorf("end what is under way to the log: %w", err)
	}
	return nil
}

// tend keeps in order, until ctx ends, what requests and projections rely on.
func (s *server) tend(ctx context.Context, wg *sync.WaitGroup, pages *console.Console) {
	if s.embedded != nil {
		wg.Go(func() { s.embedded.Supervise(ctx) })
	}
	wg.Go(func() { s.ring.Run(ctx) })
	wg.Go(func() { s.requests.Run(ctx) })
	wg.Go(func() { s.retention().Run(ctx) })
	wg.Go(func() { s.suppressed.Run(ctx) })
	wg.Go(func() { s.lags().Run(ctx) })
	wg.Go(func() { pages.Warm(ctx) })
	wg.Go(func() { app.KeepSearchable(ctx, tables.SearchIndex{DB: s.db}, s.logger) })
	if s.c.Bool("erase-on-delete") {
		wg.Go(func() { s.deleteFollower().Run(ctx) })
	}
}

// waitFor waits for what runs in the background, but not for ever: with a
// database that does not answer, a batch under way may never end. It is rolled
// back then, and taken in again by the next start.
func (s *server) waitFor(wg *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(shutdownPatience):
		s.logger.Warn("a projection's batch did not end in time and is left to the next start")
	}
}

func (s *server) handlers(pages *console.Console) (in, admin *http.Server, err error) {
	handler, err := webhook.New(webhook.Config{
		Ingest: &ingest.Ingest{Log: s.appender, Rejected: ingeststore.Rejected{DB: s.db}, Suppressed: s.suppressed},
		Keys:   s.ring, Requests: s.requests, MaxBody: s.limits.maxBody, MaxInFlight: s.limits.maxInFlight, Metrics: s.metrics, Logger: s.logger,
	})
	if err != nil {
		return nil, nil, err
	}
	admin = &http.Server{Handler: pages, ReadHeaderTimeout: 5 * time.Second}
	return webhook.NewServer(handler), admin, nil
}

// retention deletes what is to be kept for some time only.
func (s *server) retention() *app.Retention {
	return &app.Retention{Now: time.Now, Logger: s.logger, Stores: []app.Kept{
		{Name: "refused requests", Store: s.requests, For: s.limits.keepRequests},
		{Name: "rejected bodies", Store: ingeststore.Rejected{DB: s.db}, For: s.limits.keepRejected},
		{Name: "lags of minutes", Store: lookupstore.Lags{DB: s.db}, For: app.KeepLag},
	}}
}

// lags records how far the live projections are behind.
func (s *server) lags() *app.LagRecorder {
	return &app.LagRecorder{Live: lookupstore.Statuses{DB: s.db}, Store: lookupstore.Lags{DB: s.db}, Now: time.Now, Logger: s.logger}
}

// ballast makes the garbage collector wait until that much garbage is there, in
// bytes. Requests leave garbage and relay holds little else: in proportion to
// that, the collector would run hundreds of times a second. Nothing touches the
// ballast, so it takes up addresses and no memory.
const ballast = 32 << 20
