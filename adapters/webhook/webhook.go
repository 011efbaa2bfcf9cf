// Package webhook is the HTTP door that Segment sends through. It authenticates,
// bounds and reads requests, hands bodies to the ingest use case, and puts what
// comes of it into statuses: the only place where that is done.
//
// A 4xx other than 408, 410, 429 makes Segment drop data for ever, so it is
// given only for what is certainly the sender's fault; everything else is
// answered with 503 or 429, which make Segment send again.
package webhook

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"relay/app"
	"relay/domain/segment"
)

// Observer is told of requests, for metrics.
type Observer interface {
	Request(route string, status, bytes, calls int, took time.Duration)
	InFlight(bytes int64)
}

// Config says what the door works with. Ingest, Keys and Requests are required.
type Config struct {
	Ingest      *app.Ingest
	Keys        app.KeyRing
	Requests    app.RequestLog
	MaxBody     int64         // largest body, compressed or not; default 32 MiB
	MaxInFlight int64         // bytes of bodies held at once; default 256 MiB
	Patience    time.Duration // from the read body to the answer; default 4 s, as Segment gives up at 5 s
	Metrics     Observer      // default: none
	Logger      *slog.Logger  // default: none
	Now         func() time.Time
}

func (c Config) withDefaults() Config {
	if c.MaxBody == 0 {
		c.MaxBody = 32 << 20
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 256 << 20
	}
	if c.Patience == 0 {
		c.Patience = 4 * time.Second
	}
	if c.Metrics == nil {
		c.Metrics = unobserved{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Ingest == nil || c.Keys == nil || c.Requests == nil:
		return errors.New("webhook: Ingest, Keys and Requests are required")
	case c.MaxBody < 0 || c.MaxInFlight < 0 || c.Patience < 0:
		return errors.New("webhook: limits cannot be negative")
	}
	return nil
}

type unobserved struct{}

func (unobserved) Request(string, int, int, int, time.Duration) {}
func (unobserved) InFlight(int64)                               {}

// door is the handler.
type door struct {
	Config
	flight  flight
	parsers sync.Pool
}

// New returns the ingest listener's handler.
func New(config Config) (http.Handler, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	d := &door{Config: config, flight: flight{limit: config.MaxInFlight, observe: config.Metrics.InFlight}}
	d.parsers.New = func() any { return new(segment.Parser) }
	return d, nil
}

// NewServer returns a server for the handler whose limits suit the open net.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
