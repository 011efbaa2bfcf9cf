package postgres

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// cancelWithin is how long the server may take to cancel a statement. A request
	// to cancel is lost where it reaches the server between two statements.
	cancelWithin = 300 * time.Millisecond
	// commitWithin takes its place where a commit is under way.
	commitWithin = 5 * time.Second
	// endWithin is how long the server may take after that to end the session.
	endWithin = 300 * time.Millisecond
	// giveUpWithin is how long a statement goes on after the end of its context.
	giveUpWithin = cancelWithin + endWithin
	// answerWithin is left to a caller whose statement gave up.
	answerWithin = 200 * time.Millisecond
)

// InTime returns a context that ends so long before ctx does that a statement
// which then gives up, on a server that is silent, has returned by the deadline
// of ctx. It is for callers whose own answer must not be late.
func InTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-giveUpWithin-answerWithin))
}

// line holds the sockets of one connection: the connection's own, and those that
// carry lib/pq's requests to cancel a statement. lib/pq dials such a request when
// the context of a statement ends. That is how a line learns, at no cost to
// statements that end in time, that its connection has to give up.
//
// A line is safe for concurrent use, but for the reader.
type line struct {
	dialer net.Dialer
	giving atomic.Bool     // a statement's context has ended: the connection is for no further use
	reader context.Context // of the last query's rows; nil after an error

	mu         sync.Mutex
	ready      bool                  // what is dialled from now on are requests to cancel
	closed     bool                  // so are all sockets
	committing bool                  // a commit is under way
	endSession func(context.Context) // nil: there is no session that might wait
	timer      *time.Timer           // of the end; nil until the connection gives up
	sockets    []net.Conn
}

// Dial implements pq.Dialer.
func (l *line) Dial(network, address string) (net.Conn, error) {
	return l.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (l *line) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return l.DialContext(ctx, network, address)
}

// DialContext implements pq.DialerContext.
func (l *line) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	toCancel := l.isReady()
	if toCancel {
		l.giveUp()
		bounded, cancel := context.WithTimeout(ctx, giveUpWithin)
		defer cancel()
		ctx = bounded
	}
	dialled, err := l.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = dialled.Close() // nobody has used it
		return nil, net.ErrClosed
	}
	l.sockets = append(l.sockets, dialled)
	if toCancel {
		return dialled, nil
	}
	return socket{Conn: dialled, line: l}, nil
}

func (l *line) isReady() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

// connected tells the line that its connection is established.
func (l *line) connected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = true
}

// endWith tells the line how to have the server end the session.
func (l *line) endWith(endSession func(context.Context)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endSession = endSession
}

func (l *line) givesUp() bool { return l.giving.Load() }

// read takes what became of the query of the reader, which has no rows after an
// error.
func (l *line) read(err error) error {
	if err == nil {
		return nil
	}
	err = endedBy(l.reader, err)
	l.reader = nil
	return err
}

// leavesRows reports whether a reader may have ended before its rows did.
func (l *line) leavesRows() bool { return l.reader != nil && l.reader.Err() != nil }

// setCommitting tells the line when a commit begins and ends.
func (l *line) setCommitting(committing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committing = committing
}

// giveUp closes the line after the time that the server may take to end what it
// is doing. A second call does nothing.
func (l *line) giveUp() {
	l.giving.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || l.timer != nil:
	case l.endSession == nil:
		l.closeLocked()
	case l.committing:
		l.timer = time.AfterFunc(commitWithin, l.end)
	default:
		l.timer = time.AfterFunc(cancelWithin, l.end)
	}
}

// end has the server end the session, which may wait for a lock and hold others,
// and closes the line.
func (l *line) end() {
	defer l.close()
	l.mu.Lock()
	endSession := l.endSession
	l.mu.Unlock()
	if endSession == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endWithin)
	defer cancel()
	endSession(ctx)
}

// close closes all sockets. Reading from them and writing to them fails.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeLocked()
}

func (l *line) closeLocked() {
	l.closed = true
	for _, each := range l.sockets {
		_ = each.Close() // it may be closed already
	}
	l.sockets = nil
}

// socket is a connection to the server that tells why it was closed.
type socket struct {
	net.Conn
	line *line
}

// Read implements net.Conn.
func (s socket) Read(data []byte) (int, error) {
	n, err := s.Conn.Read(data)
	if err != nil && s.line.givesUp() {
		err = s.line.why(err)
	}
	return n, err
}

// why makes the end of the reader's context the cause of an error.
func (l *line) why(err error) error {
	if l.reader == nil || l.reader.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %w", l.reader.Err(), err)
}
