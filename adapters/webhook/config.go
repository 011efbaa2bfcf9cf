package webhook

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"relay/app/ingest"
)

// Observer is told of requests, for metrics. Many goroutines call its methods at
// once, so they must be safe for that and return quickly.
type Observer interface {
	// Request is told of each answered request: its route ("" for an unknown path),
	// the bytes of its body as decoded, and how long it took from its head to the
	// answer.
	Request(route string, status, bytes, calls int, took time.Duration)
	// InFlight is told how many bytes of bodies are held at the moment. Calls come
	// one after the other, the last with the newest number.
	InFlight(bytes int64)
}

// Config says what the handler works with. Ingest, Keys and Requests are required.
type Config struct {
	Ingest   *ingest.Ingest
	Keys     ingest.KeyRing
	Requests ingest.RequestLog

	// MaxBody is the largest body in bytes, both as sent and as decoded. Default
	// 32 MiB.
	MaxBody int64
	// MaxInFlight is how many bytes of bodies are held at once, as sent and as
	// decoded. Requests without a known key in the header, which show it in the
	// body or not at all, may use half of it. A request that is alone is accepted
	// even beyond it. Default 256 MiB.
	MaxInFlight int64
	// WriteTimeout is how long relay may work on a request, without the time in
	// which it waits for the body. Default 4 s: Segment gives up after 5 s.
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

// handler is the http.Handler of the ingest listener.
type handler struct {
	config     Config
	inFlight   *byteLimit
	workspaces sync.Pool // of *workspace
}

// New returns the ingest listener's handler, or an error that names the field
// of the config that is wrong.
func New(config Config) (http.Handler, error) {
	config = config.WithDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	h := &handler{
		config:   config,
		inFlight: &byteLimit{limit: config.MaxInFlight, observe: config.Metrics.InFlight},
	}
	h.workspaces.New = func() any { return new(workspace) }
	return h, nil
}
