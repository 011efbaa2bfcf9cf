package webhook

import (
	"context"
	"sync"
	"time"
)

// deadlines gives contexts that end after some time, the same one to all whose
// times end within the same grain: a timer for each request would cost as much
// as reading its payload. A context ends up to a grain late.
type deadlines struct {
	began time.Time
	grain time.Duration

	mu   sync.Mutex
	last *deadline
}

// grains are in the time that relay may work on a request.
const grains = 40

func newDeadlines(longest time.Duration) *deadlines {
	return &deadlines{began: time.Now(), grain: max(longest/grains, 1), last: &deadline{end: -1}}
}

// in returns a context that ends after that time.
func (d *deadlines) in(left time.Duration) context.Context {
	now := time.Since(d.began)
	end := (now + left + d.grain - 1) / d.grain * d.grain
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last.end != end {
		d.last = &deadline{Context: context.Background(), at: d.began.Add(end), end: end, over: make(chan struct{})}
		time.AfterFunc(end-now, d.last.finish)
	}
	return d.last
}

// deadline is a context that ends at a time and has nothing else.
type deadline struct {
	context.Context
	at   time.Time
	end  time.Duration // the same time, counted from when deadlines began
	over chan struct{}
}

func (d *deadline) finish() { close(d.over) }

// Deadline implements context.Context.
func (d *deadline) Deadline() (at time.Time, ok bool) { return d.at, true }

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.over }

// Err implements context.Context.
func (d *deadline) Err() error {
	select {
	case <-d.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
