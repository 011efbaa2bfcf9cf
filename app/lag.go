package app

import (
	"context"
	"log/slog"
	"time"
)

// Lag is how far the live projections were behind in a stretch of time.
type Lag struct {
	At     time.Time     // when the stretch begins
	Most   time.Duration // the greatest lag that was seen in it
	Served bool          // whether relay looked at all
}

// LagStore keeps the greatest lag of each minute.
type LagStore interface {
	// Save notes a lag of the minute, unless a greater one is there.
	Save(ctx context.Context, minute time.Time, lag time.Duration) error
}

// LagReader reads what LagStore keeps.
type LagReader interface {
	// Lags returns the n stretches of a step each of which the last begins at last.
	Lags(ctx context.Context, last time.Time, step time.Duration, n int) ([]Lag, error)
}

// LagRecorder looks at the live projections every few seconds and saves the
// greatest lag once a minute.
type LagRecorder struct {
	Live   LiveReader
	Store  LagStore
	Now    func() time.Time
	Logger *slog.Logger

	minute time.Time // that most is of; zero: none yet
	most   time.Duration
}

const (
	// KeepLag is how long lags are kept.
	KeepLag = 7 * 24 * time.Hour

	lagEvery    = 5 * time.Second
	lagPatience = 3 * time.Second
)

// Run records until ctx ends.
func (r *LagRecorder) Run(ctx context.Context) {
	for ctx.Err() == nil {
		r.look(ctx)
		wait(ctx, lagEvery)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lagPatience)
	defer cancel()
	r.save(last)
}

// look notes the lag of now, and saves that of a minute that is over.
func (r *LagRecorder) look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	if minute := r.Now().UTC().Truncate(time.Minute); minute != r.minute {
		r.save(bounded)
		r.minute, r.most = minute, -1
	}
	if live, err := r.Live.Live(bounded); err == nil { // while the database is away there is nothing to see
		r.most = max(r.most, live.Lag)
	}
}

func (r *LagRecorder) save(ctx context.Context) {
	if r.minute.IsZero() || r.most < 0 {
		return
	}
	if err := r.Store.Save(ctx, r.minute, r.most); err != nil {
		r.Logger.Warn("the lag of a minute is not recorded", "minute", r.minute, "error", err)
	}
}
