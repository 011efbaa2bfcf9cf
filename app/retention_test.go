package app_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"relay/app"
)

// aged are entries that stand for their times of receipt.
type aged struct {
	mu       sync.Mutex
	received []time.Time
	largest  int // batch that was asked for
	fail     error
}

func (a *aged) DeleteBefore(_ context.Context, t time.Time, limit int) (deleted int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.largest = max(a.largest, limit)
	var left []time.Time
	for _, at := range a.received {
		if at.Before(t) && deleted < limit {
			deleted++
		} else {
			left = append(left, at)
		}
	}
	a.received = left
	return deleted, a.fail
}

func (a *aged) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.received)
}

// TestRetention: each store keeps what it is to keep, and one that fails keeps
// the others from nothing.
func TestRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		fill := func() *aged {
			a := &aged{}
			for i := range 3000 {
				a.received = append(a.received, time.Now().Add(-time.Duration(i)*time.Hour-time.Minute))
			}
			return a
		}
		month, forEver, broken, week := fill(), fill(), fill(), fill()
		broken.fail = errors.New("away")
		r := app.Retention{Now: time.Now, Logger: slog.New(slog.DiscardHandler), Stores: []app.Kept{
			{Name: "month", Store: month, For: 30 * day}, {Name: "for ever", Store: forEver}, {Name: "broken", Store: broken, For: day}, {Name: "week", Store: week, For: 7 * day},
		}}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { r.Run(ctx); close(ended) }()
		check := func(when string, inMonth, inWeek int) {
			t.Helper()
			synctest.Wait()
			if month.count() != inMonth || week.count() != inWeek || forEver.count() != 3000 {
				t.Errorf("%s: %d kept a month, want %d; %d kept a week, want %d; %d for ever", when, month.count(), inMonth, week.count(), inWeek, forEver.count())
			}
		}
		time.Sleep(10 * time.Second) // of the test's own clock
		check("at first", 30*24, 7*24)
		time.Sleep(day)
		check("a day later", 29*24, 6*24)
		stop()
		<-ended
		if month.largest > 1000 {
			t.Errorf("%d were deleted at once", month.largest)
		}
	})
}
