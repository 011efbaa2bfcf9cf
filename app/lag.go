package app

import (
	"context"
	"log/slog"
	"time"

	"relay/domain/eventlog"
)

// Live tells how the live projections stand.
type Live struct {
	Checkpoint    eventlog.Offset // the least of theirs
	Lag           time.Duration   // age of the oldest log row that one has still to take in
	RowsPerSecond float64
}

// LiveReader reads Checkpoint and Lag.
type LiveReader interface {
	Live(ctx context.Context) (Live, error)
}

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
// greatest lag of each minute.
type LagRecorder struct {
	Live   LiveReader
	Store  LagStore
	Now    func() time.Time
	Logger *slog.Logger

	minute time.Time     // that most is of; zero: none yet
	most   time.Duration // saved of it; negative: nothing
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
		Wait(ctx, lagEvery)
	}
}

// look saves the lag of now if it is the greatest of its minute. While the
// database is away there is nothing to see.
func (r *LagRecorder) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	live, err := r.Live.Live(ctx)
	if err != nil {
		return
	}
	if minute := r.Now().UTC().Truncate(time.Minute); minute != r.minute {
		r.minute, r.most = minute, -1
	}
	if live.Lag <= r.most {
		return
	}
	if err := r.Store.Save(ctx, r.minute, live.Lag); err != nil {
		r.Logger.Warn("how far the projections are behind is not recorded", "minute", r.minute, "error", err)
		return
	}
	r.most = live.Lag
}
