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

// Appender commits in groups: whatever waits while one publish is under way
// goes with the next. There is no timer, so a lone request waits for its own
// commit only. It is safe for concurrent use.
type Appender struct {
	config    AppenderConfig
	publisher *watermillsql.Publisher
	done      chan struct{}
	spare     sync.Pool // of *pending

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
func NewAppender(db *sql.DB, config AppenderConfig) (*Appender, error) {
	publisher, err := watermillsql.NewPublisher(watermillsql.BeginnerFromStdSQL(db), watermillsql.PublisherConfig{SchemaAdapter: publishSchema{}}, nil)
	if err != nil {
		return nil, fmt.Errorf("make the log's publisher: %w", err)
	}
	a := &Appender{config: config.withDefaults(), publisher: publisher, done: make(chan struct{})}
	a.spare.New = func() any { return &pending{result: make(chan error, 1)} }
	a.changed = sync.NewCond(&a.mu)
	go a.run()
	return a, nil
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
	size := len(p.entry.Body)
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

// run publishes group after group until the appender is closed and empty.
func (a *Appender) run() {
	defer close(a.done)
	for {
		group := a.next()
		if group == nil {
			return
		}
		a.publish(group)
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
		bytes += len(a.waiting[n].entry.Body)
		if n > 0 && bytes > a.config.MaxBytes {
			break
		}
		n++
	}
	group := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	return group
}

// publish commits the group and answers its members, which are not touched after
// that.
func (a *Appender) publish(group []*pending) {
	bytes := bytesOf(group)
	live := withoutGivenUp(group)
	err := a.publishAll(live)
	if err != nil && len(live) > 1 && isRefusedData(err) {
		a.publishEach(live) // one entry must not fail the others
	} else {
		answer(live, err)
	}
	a.mu.Lock()
	a.bytes -= bytes
	a.mu.Unlock()
}

func bytesOf(group []*pending) (n int) {
	for _, p := range group {
		n += len(p.entry.Body)
	}
	return n
}

func (a *Appender) publishEach(group []*pending) {
	for _, p := range group {
		p.result <- a.publishAll([]*pending{p})
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
	live := make([]*pending, 0, len(group))
	for _, p := range group {
		if p.ctx.Err() == nil {
			live = append(live, p)
		}
	}
	return live
}

// publishAll appends the group in one transaction.
func (a *Appender) publishAll(group []*pending) error {
	if len(group) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.config.Timeout)
	defer cancel()
	messages := newMessages(ctx, len(group), func(i int) *ingest.NewEntry { return &group[i].entry })
	started := time.Now()
	err := a.publisher.Publish(Topic, messages...)
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
func (a *Appender) Close() error {
	a.mu.Lock()
	a.closed = true
	a.changed.Broadcast()
	a.mu.Unlock()
	<-a.done
	return a.publisher.Close()
}

// AppendAll appends the entries in one commit, in order: for loading a log from
// somewhere else. db is as for NewAppender.
func AppendAll(ctx context.Context, db *sql.DB, entries []ingest.NewEntry) error {
	if len(entries) == 0 {
		return nil
	}
	publisher, err := watermillsql.NewPublisher(watermillsql.BeginnerFromStdSQL(db), watermillsql.PublisherConfig{SchemaAdapter: publishSchema{}}, nil)
	if err != nil {
		return fmt.Errorf("make the log's publisher: %w", err)
	}
	return publisher.Publish(Topic, newMessages(ctx, len(entries), func(i int) *ingest.NewEntry { return &entries[i] })...)
}
