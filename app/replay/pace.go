package replay

import (
	"context"
	"sync"
	"time"

	"relay/app"
)

const (
	// watchEvery is how often a run looks at what goes on beside it.
	watchEvery = 250 * time.Millisecond
	// lagAllowed is the lag of the live projections above which a run holds its
	// workers.
	lagAllowed = 400 * time.Millisecond
	// lagIsStalled is for how long live projections may stand still until a run
	// takes it that nobody serves, and waits for them no longer. Until they are
	// seen to move it does not wait for them.
	lagIsStalled = 2 * time.Second
)

// liveWatch follows the live projections.
type liveWatch struct {
	mu      sync.Mutex
	live    app.Live
	at      time.Time // of the last look
	movedAt time.Time // when the checkpoint was seen to move last
}

func (w *liveWatch) look(live app.Live, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at.IsZero() {
		w.live.Checkpoint, w.at = live.Checkpoint, at // there is nothing to compare with yet
	}
	if seconds := at.Sub(w.at).Seconds(); seconds > 0 {
		rate := float64(live.Checkpoint-w.live.Checkpoint) / seconds
		live.RowsPerSecond = w.live.RowsPerSecond + (max(rate, 0)-w.live.RowsPerSecond)/8
	}
	if live.Checkpoint != w.live.Checkpoint || live.Lag == 0 {
		w.movedAt = at
	}
	w.live, w.at = live, at
}

func (w *liveWatch) now() app.Live {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.live
}

// moving tells whether the live projections take in what comes.
func (w *liveWatch) moving() bool { return w.now().RowsPerSecond > 1 }

// pressed tells whether the live projections are at work and fall behind.
func (w *liveWatch) pressed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.live.Lag > lagAllowed && w.at.Sub(w.movedAt) < lagIsStalled
}

// pace leaves room for live traffic: it rests for as long as MaxLoad says after
// the time that a chunk took, and while the live projections fall behind.
func (p *progress) pace(ctx context.Context, took time.Duration) {
	if load := p.run.MaxLoad; load > 0 && load < 100 {
		app.Rest(ctx, took*time.Duration(100-load)/time.Duration(load))
	}
	for ctx.Err() == nil && p.live.pressed() {
		app.Rest(ctx, watchEvery/5)
	}
}
