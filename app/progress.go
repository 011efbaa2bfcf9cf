package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// PhaseComparing is a verification's last phase.
const PhaseComparing = "comparing"

// progress counts what a re-projection has done and tells of it, to SQL no more
// than once a second.
type progress struct {
	run         *run
	total, done atomic.Int64
	calls       atomic.Int64

	mu         sync.Mutex
	projection string
	name       string
	told       time.Time
}

// read counts log rows and calls; several workers call it.
func (p *progress) read(rows, calls int) {
	p.done.Add(int64(rows))
	p.calls.Add(int64(calls))
	p.tell(context.Background(), false)
}

func (p *progress) phase(ctx context.Context, projection, name string) {
	p.mu.Lock()
	p.projection, p.name = projection, name
	p.mu.Unlock()
	p.tell(ctx, true)
}

func (p *progress) tell(ctx context.Context, always bool) {
	p.mu.Lock()
	now := Progress{
		ID: p.run.record.ID, Projection: p.projection, Phase: p.name,
		Done: p.done.Load(), Total: p.total.Load(), Calls: p.calls.Load(),
	}
	due := always || time.Since(p.told) > time.Second
	if due {
		p.told = time.Now()
	}
	p.mu.Unlock()
	if p.run.Report != nil {
		p.run.Report(now)
	}
	if due && now.ID != 0 {
		if err := p.run.Reprojections.Progress(ctx, now); err != nil {
			p.run.Logger.Warn("progress could not be noted", "error", err)
		}
	}
}
