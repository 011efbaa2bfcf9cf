package replay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"relay/app"
)

// PhaseComparing is a verification's last phase.
const PhaseComparing = "comparing"

// Progress tells how far a re-projection has come.
type Progress struct {
	ID             int64
	Projection     string // at hand; empty where it concerns all
	Phase          string
	Done, Total    int64   // log rows
	Calls          int64   // read so far by this process
	CallsPerSecond float64 // since it started or was resumed
	Issues         int64   // how often something had to be ignored so far
	Live           app.Live
	Left           time.Duration // until all is read, at the rate so far; 0: cannot be told
	Waiting        error         // why the last try failed, while it is tried again; nil: it is not
}

// progress counts what a re-projection has done and tells of it, to SQL no more
// than once a second.
type progress struct {
	run         *run
	started     time.Time
	rows        []int64 // to be read of each projection that is built
	total, done atomic.Int64
	before      atomic.Int64 // rows that were done before it was resumed
	calls       atomic.Int64
	issues      atomic.Int64
	live        liveWatch

	mu         sync.Mutex
	projection string
	name       string
	waiting    error
	told       time.Time
}

// read counts; several workers call it.
func (p *progress) read(r ReadSoFar) {
	p.done.Add(int64(r.Rows))
	p.calls.Add(int64(r.Calls))
	p.issues.Add(r.Issues)
	p.tell(context.Background(), false)
}

// expect adds what is to be read of one more projection.
func (p *progress) expect(rows int64) {
	p.rows = append(p.rows, rows)
	p.total.Add(rows)
}

// loaded notes that all is read that there was to read, which may have been
// estimated, but for what is left of the projections at some places.
func (p *progress) loaded(left []int) {
	total := p.done.Load()
	for _, i := range left {
		total += p.rows[i]
	}
	p.total.Store(total)
}

// resumed notes rows that need not be read again.
func (p *progress) resumed(rows int64) {
	p.done.Add(rows)
	p.before.Add(rows)
}

func (p *progress) phase(ctx context.Context, projection, name string) {
	p.mu.Lock()
	p.projection, p.name, p.waiting = projection, name, nil
	p.mu.Unlock()
	p.tell(ctx, true)
}

// wait notes why something is tried again.
func (p *progress) wait(ctx context.Context, why error) {
	p.mu.Lock()
	p.waiting = why
	p.mu.Unlock()
	p.tell(ctx, true)
}

// now returns the progress as it stands.
func (p *progress) now() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := Progress{
		ID: p.run.record.ID, Projection: p.projection, Phase: p.name,
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

func (p *progress) tell(ctx context.Context, always bool) {
	now := p.now()
	p.mu.Lock()
	due := always || time.Since(p.told) > time.Second
	if due {
		p.told = time.Now()
	}
	p.mu.Unlock()
	if p.run.Report != nil {
		p.run.Report(now)
	}
	if due && now.ID != 0 {
		if err := p.run.Outcomes.Progress(ctx, now); err != nil {
			p.run.Logger.Warn("progress could not be noted", "error", err)
		}
	}
}
