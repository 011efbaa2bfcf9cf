package logstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"

	"relay/app"
	"relay/app/ingest"
)

// AppenderConfig bounds what an Appender takes on.
type AppenderConfig struct {
	MaxRows     int           // rows of one commit; default 1000
	MaxBytes    int           // bytes of one commit, but for a single larger body; default 8 MiB
	MaxWaiting  int           // bytes that may wait for a commit; more is ErrOverloaded; default 256 MiB
	Timeout     time.Duration // of one commit; default 4 s
	OnCommitted func(rows, bytes int, took time.Duration, err error)
}

func (c AppenderConfig) withDefaults() AppenderConfig {
	setDefault(&c.MaxRows, 1000)
	setDefault(&c.MaxBytes, 8<<20)
	setDefault(&c.MaxWaiting, 256<<20)
	setDefault(&c.Timeout, 4*time.Second)
	if c.OnCommitted == nil {
		c.OnCommitted = func(int, int, time.Duration, error) {}
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Appender commits in groups: whatever waits while one commit is under way goes
// with the next. There is no timer, so a lone request waits for its own commit
// only. It is safe for concurrent use.
//
// An entry's way: Append puts it into the queue; run takes a group from the queue
// with next, hands it to commit, and Append returns what came of it.
type Appender struct {
	config AppenderConfig
	db     watermillsql.ContextExecutor
	done   chan struct{}
	spare  sync.Pool // of *pending

	mu      sync.Mutex
	changed *sync.Cond
	waiting []*pending
	bytes   int // of bodies waiting or under way
	closed  bool
}

// pending is one entry that waits for its commit.
type pending struct {
	ctx    context.Context
	entry  ingest.NewEntry
	result chan error
}

// NewAppender starts an appender on the database. db must have been opened with
// binary_parameters=yes, so that bodies travel as they are.
func NewAppender(db *sql.DB, config AppenderConfig) *Appender {
	a := &Appender{config: config.withDefaults(), db: watermillsql.BeginnerFromStdSQL(db), done: make(chan struct{})}
	a.spare.New = func() any { return &pending{result: make(chan error, 1)} }
	a.changed = sync.NewCond(&a.mu)
	go a.run()
	return a
}

// Append implements ingest.Appender.
func (a *Appender) Append(ctx context.Context, e ingest.NewEntry) error {
	p := a.spare.Get().(*pending)
	p.ctx, p.entry = ctx, e
	if err := a.enqueue(p); err != nil {
		return err
	}
	select {
	case err := <-p.result:
		*p = pending{result: p.result}
		a.spare.Put(p)
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", app.ErrUnavailable, context.Cause(ctx))
	}
}

func (a *Appender) enqueue(p *pending) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := len(p.entry.Inbound.Body)
	switch {
	case a.closed:
		return fmt.Errorf("%w: shutting down", app.ErrUnavailable)
	case a.bytes > 0 && a.bytes+size > a.config.MaxWaiting:
		return app.ErrOverloaded
	}
	a.bytes += size
	a.waiting = append(a.waiting, p)
	a.changed.Signal()
	return nil
}

// run commits group after group until the appender is closed and nothing waits.
func (a *Appender) run() {
	defer close(a.done)
	for {
		group := a.next()
		if group == nil {
			return
		}
		a.commit(group)
	}
}

// next waits for entries and takes those that fit into one commit; nil when the
// appender is closed and nothing waits any more.
func (a *Appender) next() []*pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.waiting) == 0 {
		if a.closed {
			return nil
		}
		a.changed.Wait()
	}
	n, bytes := 0, 0
	for n < len(a.waiting) && n < a.config.MaxRows {
		bytes += len(a.waiting[n].entry.Inbound.Body)
		if n > 0 && bytes > a.config.MaxBytes {
			break
		}
		n++
	}
	group := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	return group
}

// commit appends the group and answers its members, which are not touched after
// that.
func (a *Appender) commit(group []*pending) {
	bytes := bytesOf(group)
	wanted := withoutGivenUp(group)
	err := a.appendGroup(wanted)
	if err != nil && len(wanted) > 1 && isInvalidData(err) {
		a.commitEach(wanted) // one entry must not fail the others
	} else {
		answer(wanted, err)
	}
	a.mu.Lock()
	a.bytes -= bytes
	a.mu.Unlock()
}

func bytesOf(group []*pending) (n int) {
	for _, p := range group {
		n += len(p.entry.Inbound.Body)
	}
	return n
}

func (a *Appender) commitEach(group []*pending) {
	for _, p := range group {
		p.result <- a.appendGroup([]*pending{p})
	}
}

func answer(group []*pending, err error) {
	for _, p := range group {
		p.result <- err
	}
}

// withoutGivenUp drops the entries whose senders no longer wait: they were told
// to send again.
func withoutGivenUp(group []*pending) []*pending {
	wanted := make([]*pending, 0, len(group))
	for _, p := range group {
		if p.ctx.Err() == nil {
			wanted = append(wanted, p)
		}
	}
	return wanted
}

// appendGroup appends the group in one commit.
func (a *Appender) appendGroup(group []*pending) error {
	if len(group) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.config.Timeout)
	defer cancel()
	entries := make([]*ingest.NewEntry, len(group))
	for i, p := range group {
		entries[i] = &p.entry
	}
	started := time.Now()
	err := appendEntries(ctx, a.db, entries)
	a.config.OnCommitted(len(group), bytesOf(group), time.Since(started), err)
	if err != nil {
		return errors.Join(app.ErrUnavailable, err)
	}
	return nil
}

// Waiting returns how many bytes wait for a commit or are under way.
func (a *Appender) Waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes
}

// Close refuses new entries, commits those that wait, and returns.
func (a *Appender) Close() {
	a.mu.Lock()
	a.closed = true
	a.changed.Broadcast()
	a.mu.Unlock()
	<-a.done
}
