package webhook

import (
	"sync"

	"relay/app"
)

// byteLimit bounds the bytes of bodies that are held at once.
type byteLimit struct {
	limit   int64
	observe func(int64)

	mu    sync.Mutex // held while observing too, so that the last word is the newest
	bytes int64
}

// take adds bytes for a request that holds some already, and reports whether they
// fit into the limit. A request that is alone always fits: no body that is allowed
// may be refused for ever.
func (l *byteLimit) take(more, held, limit int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes > held && l.bytes+more > limit {
		return false
	}
	l.bytes += more
	l.observe(l.bytes)
	return true
}

func (l *byteLimit) release(n int64) {
	if n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes -= n
	l.observe(l.bytes)
}

// hold makes the request hold n bytes in all; ErrOverloaded if there is no room
// for them.
func (x *exchange) hold(n int64) error {
	if n <= x.held {
		return nil
	}
	limit := x.handler.inFlight.limit
	if !x.known {
		limit /= 2 // who shows no key yet must not crowd out those who did
	}
	if !x.handler.inFlight.take(n-x.held, x.held, limit) {
		return app.ErrOverloaded
	}
	x.held = n
	return nil
}
