package webhook

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"relay/app/ingest"
)

// Observer is told of requests, for metrics. Its methods are called by many
// goroutines at once and must return quickly.
type Observer interface {
	// Request is told of each answered request: its route ("" where there is
	// none), its bytes as decoded ones and how long it took from its head to
	// the answer.
	Request(route string, status, bytes, calls int, took time.Duration)
	// InFlight is told how many bytes of bodies are held, in the order in which
	// that changes.
	InFlight(bytes int64)
}

// Config says what the door works with. Ingest, Keys and Requests are required.
type Config struct {
	Ingest   *ingest.Ingest
	Keys     ingest.KeyRing
	Requests ingest.RequestLog

	// MaxBody is the largest body in bytes, as it was sent and as decoded.
	// Default 32 MiB.
	MaxBody int64
	// MaxInFlight is how many bytes of bodies are held at once, as they were
	// sent and as decoded; half of it for requests that show their key in the
	// body, if at all. A lone request is taken even beyond it. Default 256 MiB.
	MaxInFlight int64
	// WriteTimeout is how long relay may work on a request, the time not
	// counted in which it waits for the body. Default 4 s: Segment gives up at
	// 5 s.
	WriteTimeout time.Duration

	Metrics Observer         // default: none
	Logger  *slog.Logger     // default: none
	Now     func() time.Time // default: time.Now
}

// WithDefaults returns the config with defaults where fields are empty.
func (c Config) WithDefaults() Config {
	if c.MaxBody == 0 {
		c.MaxBody = 32 << 20
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 256 << 20
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 4 * time.Second
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
	case c.MaxBody < 0 || c.MaxInFlight < 0 || c.WriteTimeout < 0:
		return errors.New("webhook: MaxBody, MaxInFlight and WriteTimeout cannot be negative")
	}
	return nil
}

type unobserved struct{}

func (unobserved) Request(string, int, int, int, time.Duration) {}
func (unobserved) InFlight(int64)                               {}

// door is the handler.
type door struct {
	Config
	flight    *flight
	deadlines *deadlines
	desks     sync.Pool // of *desk
}

// New returns the ingest listener's handler, or an error that names the field
// of the config that is wrong.
func New(config Config) (http.Handler, error) {
	config = config.WithDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	d := &door{
		Config: config, deadlines: newDeadlines(config.WriteTimeout),
		flight: &flight{limit: config.MaxInFlight, observe: config.Metrics.InFlight},
	}
	d.desks.New = func() any { return new(desk) }
	return d, nil
}
