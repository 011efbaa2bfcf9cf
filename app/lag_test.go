package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"
)

type fakeLive struct {
	lag time.Duration
	err error
}

func (f *fakeLive) Live(context.Context) (Live, error) { return Live{Lag: f.lag}, f.err }

type fakeLags map[time.Time]time.Duration

func (f fakeLags) Save(_ context.Context, minute time.Time, lag time.Duration) error {
	f[minute] = lag
	return nil
}

// TestLagRecorder: of each minute in which relay could look, the greatest lag is
// saved at once, and what could not be saved is tried again.
func TestLagRecorder(t *testing.T) {
	t.Parallel()
	start := time.Unix(1e9, 0).UTC().Truncate(time.Minute)
	now, live, saved := start, &fakeLive{}, fakeLags{}
	r := &LagRecorder{Live: live, Store: saved, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	for _, step := range []struct {
		at  time.Duration
		lag time.Duration
		err error
	}{
		{5 * time.Second, 0, nil}, {10 * time.Second, 0, nil}, // minute 0: up to date
		{65 * time.Second, time.Second, nil}, {70 * time.Second, 3 * time.Second, nil}, {75 * time.Second, time.Millisecond, nil},
		{125 * time.Second, time.Hour, errors.New("the database is away")},
		{185 * time.Second, 2 * time.Second, nil},
	} {
		now, *live = start.Add(step.at), fakeLive{step.lag, step.err}
		r.look(t.Context())
	}
	want := fakeLags{start: 0, start.Add(time.Minute): 3 * time.Second, start.Add(3 * time.Minute): 2 * time.Second}
	if !maps.Equal(saved, want) {
		t.Errorf("%v, want %v", saved, want)
	}
	r.Store, now, *live = awayLags{}, start.Add(245*time.Second), fakeLive{time.Second, nil}
	r.look(t.Context())
	r.Store = saved
	r.look(t.Context())
	if want[start.Add(4*time.Minute)] = time.Second; !maps.Equal(saved, want) {
		t.Errorf("after a failure: %v, want %v", saved, want)
	}
}

type awayLags struct{}

func (awayLags) Save(context.Context, time.Time, time.Duration) error {
	return errors.New("the database is away")
}
