package replay

import (
	"context"
	"sync"
	"time"

	"relay/app"
)

const (
	// pauseStep is how long a worker pauses at a time for the live projections.
	pauseStep = watchEvery / 5
	// lagAllowed is the lag of the live projections above which workers pause.
	lagAllowed = 400 * time.Millisecond
	// lagIsStalled is how long live projections may stand still before workers
	// take them for stopped and no longer pause for them.
	lagIsStalled = 2 * time.Second
)

// liveWatch keeps what was seen of the live projections. It is safe for
// concurrent use.
type liveWatch struct {
	mu      sync.Mutex
	live    app.Live
	at      time.Time // of the last look
	movedAt time.Time // of the last look at which the checkpoint had moved
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

// moving reports whether the live projections are at work.
func (w *liveWatch) moving() bool { return w.now().RowsPerSecond > 1 }

// behind reports whether the live projections are at work and lag.
func (w *liveWatch) behind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.live.Lag > lagAllowed && w.at.Sub(w.movedAt) < lagIsStalled
}

// pace leaves room for live traffic after a worker's chunk: it pauses long enough
// for MaxBusy, given the time that the chunk took, and while the live projections
// lag.
func (b *build) pace(ctx context.Context, took time.Duration) {
	if busy := b.builder.MaxBusy; busy > 0 && busy < 100 {
		app.Wait(ctx, took*time.Duration(100-busy)/time.Duration(busy))
	}
	for ctx.Err() == nil && b.progress.live.behind() {
		app.Wait(ctx, pauseStep)
	}
}
