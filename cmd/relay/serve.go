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
	"relay/adapters/webhook"
	"relay/app"
	"relay/app/ingest"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "accept payloads, project them, and serve the console",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "listen", EnvVars: []string{"RELAY_LISTEN"}, Value: "127.0.0.1:8080", Usage: "address that Segment sends to"},
			&cli.StringFlag{
				Name: "admin-listen", EnvVars: []string{"RELAY_ADMIN_LISTEN"}, Value: "127.0.0.1:8081",
				Usage: "address for operators: console, /metrics, /healthz, /readyz",
			},
			&cli.BoolFlag{
				Name: "erase-on-delete", EnvVars: []string{"RELAY_ERASE_ON_DELETE"}, Value: true,
				Usage: "let Segment's delete calls erase the person they name",
			},
		}, limitFlags()...),
		Action: with(serve),
	}
}

// server is what relay serve runs.
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
	firstKey, err := srv.firstKey() // last, since its secret is printed once
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

// run serves until the context ends, and then stops in this order: it accepts no
// new requests, answers those in flight, commits what the appender holds, and lets
// each projection finish its batch.
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
	s.startBackground(background, &wg, pages)
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
	err = errors.Join(err, ingestServer.Shutdown(ctx))
	s.appender.Close()
	err = errors.Join(err, adminServer.Shutdown(ctx))
	stopBackground()
	wg.Go(reprojections.runner.Wait)
	s.waitFor(&wg)
	s.withdraw()
	return err
}

// startBackground starts, until ctx ends, what requests and projections rely on.
func (s *server) startBackground(ctx context.Context, wg *sync.WaitGroup, pages *console.Console) {
	if s.embedded != nil {
		wg.Go(func() { s.embedded.Supervise(ctx) })
	}
	wg.Go(func() { s.ring.Run(ctx) })
	wg.Go(func() { s.requests.Run(ctx) })
	wg.Go(func() { s.retention().Run(ctx) })
	wg.Go(func() { s.suppressed.Run(ctx) })
	wg.Go(func() { s.lags().Run(ctx) })
	wg.Go(func() { pages.Warm(ctx) })
	wg.Go(func() { app.KeepSearchable(ctx, lookupstore.SearchIndex{DB: s.db}, s.logger) })
	if s.c.Bool("erase-on-delete") {
		wg.Go(func() { s.deleteFollower().Run(ctx) })
	}
}

// waitFor waits for background work for shutdownPatience at most: with a database
// that does not answer, a batch may never end. Such a batch is rolled back, and the
// next relay serve projects it again.
func (s *server) waitFor(wg *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(shutdownPatience):
		s.logger.Warn("a projection did not finish its batch in time; the next relay serve projects the batch again")
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

// retention deletes data that is kept for a limited time.
func (s *server) retention() *app.Retention {
	return &app.Retention{Now: time.Now, Logger: s.logger, Stores: []app.Kept{
		{Name: "refused requests", Store: s.requests, For: s.limits.keepRequests},
		{Name: "rejected bodies", Store: ingeststore.Rejected{DB: s.db}, For: s.limits.keepRejected},
		{Name: "lag by minute", Store: lookupstore.Lags{DB: s.db}, For: app.KeepLag},
	}}
}

// lags records how far the live projections are behind.
func (s *server) lags() *app.LagRecorder {
	return &app.LagRecorder{Live: lookupstore.Statuses{DB: s.db}, Store: lookupstore.Lags{DB: s.db}, Now: time.Now, Logger: s.logger}
}

// ballast, in bytes, makes the garbage collector wait until as much garbage has
// come about. relay serve holds little memory for long, so in proportion to the
// live heap the collector would run hundreds of times a second: with 64 connections
// a call takes 40 us of CPU with the ballast, 59 without. Nothing writes to the
// ballast, so it takes up addresses and no memory.
const ballast = 32 << 20
