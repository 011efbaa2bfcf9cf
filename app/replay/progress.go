package replay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"relay/app"
)

// Phases of a re-projection, in order. A check loads, indexes and compares.
const (
	PhasePlanning   = "planning"
	PhaseLoading    = "loading"
	PhaseIndexing   = "indexing"
	PhaseCatchingUp = "catching up"
	PhaseSwitching  = "switching"
	PhaseComparing  = "comparing"
)

// Progress is how far a re-projection or a check has come.
type Progress struct {
	ID             int64  // of the re-projection; 0: a check
	Projection     string // that the phase is about; empty: all
	Phase          string
	Done, Total    int64   // log rows
	Calls          int64   // read so far by this process
	CallsPerSecond float64 // since it started or was resumed
	Issues         int64   // how many values and calls were ignored so far
	Live           app.Live
	Left           time.Duration // until all is read, at the rate so far; 0: not known
	Waiting        error         // why the last try failed that will be repeated; nil: none did
}

// progress counts what a build has done. It reports each change to the builder's
// Report, and to SQL at most once a second and at each new phase.
type progress struct {
	builder     *Builder
	id          int64 // of the re-projection; 0: a check
	started     time.Time
	total, done atomic.Int64
	before      atomic.Int64 // rows that were done before it was resumed
	calls       atomic.Int64
	issues      atomic.Int64
	live        liveWatch

	mu         sync.Mutex
	projection string
	name       string
	waiting    error
	reported   time.Time // to SQL
}

// add counts rows and calls that were read, and issues; workers call it
// concurrently.
func (p *progress) add(rows, calls int, issues int64) {
	p.done.Add(int64(rows))
	p.calls.Add(int64(calls))
	p.issues.Add(issues)
	p.report(context.Background(), false)
}

// expect adds an estimate of the rows to be read for one more target.
func (p *progress) expect(rows int64) { p.total.Add(rows) }

// loaded corrects the estimate once a target is loaded: only the rows of the
// targets in left are still to be read.
func (p *progress) loaded(left []*target) {
	total := p.done.Load()
	for _, t := range left {
		total += t.rows
	}
	p.total.Store(total)
}

// resumed counts rows that need not be read again.
func (p *progress) resumed(rows int64) {
	p.done.Add(rows)
	p.before.Add(rows)
}

func (p *progress) phase(ctx context.Context, projection, name string) {
	p.mu.Lock()
	p.projection, p.name, p.waiting = projection, name, nil
	p.mu.Unlock()
	p.report(ctx, true)
}

// wait notes why the last try failed, which will be repeated.
func (p *progress) wait(ctx context.Context, why error) {
	p.mu.Lock()
	p.waiting = why
	p.mu.Unlock()
	p.report(ctx, true)
}

// now returns the progress as it stands.
func (p *progress) now() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := Progress{
		ID: p.id, Projection: p.projection, Phase: p.name,
		Done: p.done.Load(), Calls: p.calls.Load(), Issues: p.issues.Load(), Live: p.live.now(),
		Waiting: p.waiting,
	}
	now.Total = max(p.total.Load(), now.Done)
	seconds := max(time.Since(p.started).Seconds(), 0.001)
	now.CallsPerSecond = float64(now.Calls) / seconds
	if read := now.Done - p.before.Load(); read > 0 && p.name == PhaseLoading {
		now.Left = time.Duration(float64(now.Total-now.Done) / float64(read) * seconds * float64(time.Second))
	}
	return now
}

func (p *progress) report(ctx context.Context, always bool) {
	now := p.now()
	p.mu.Lock()
	due := always || time.Since(p.reported) > time.Second
	if due {
		p.reported = time.Now()
	}
	p.mu.Unlock()
	if p.builder.Report != nil {
		p.builder.Report(now)
	}
	if due && now.ID != 0 {
		if err := p.builder.Outcomes.Progress(ctx, now); err != nil {
			p.builder.Logger.Warn("progress could not be recorded", "error", err)
		}
	}
}
