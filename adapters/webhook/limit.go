package webhook

import (
	"sync"

	"relay/app"
)

// flight counts the bytes of bodies that are held at once.
type flight struct {
	limit   int64
	observe func(int64)

	mu    sync.Mutex // held while observing too, so that the last word is the newest
	bytes int64
}

// take adds more bytes for a request that holds some; false if there is no room
// within the limit. What is held alone always fits: no body that is allowed may
// be refused for ever.
func (f *flight) take(more, held, limit int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes > held && f.bytes+more > limit {
		return false
	}
	f.bytes += more
	f.observe(f.bytes)
	return true
}

func (f *flight) release(n int64) {
	if n == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes -= n
	f.observe(f.bytes)
}

// hold makes the request hold n bytes in all.
func (x *exchange) hold(n int64) error {
	if n <= x.held {
		return nil
	}
	limit := x.flight.limit
	if !x.known {
		limit /= 2 // who shows no key yet must not crowd out those who did
	}
	if !x.flight.take(n-x.held, x.held, limit) {
		return app.ErrOverloaded
	}
	x.held = n
	return nil
}
