package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Keep begins the text of a statement that each connection prepares once and
// keeps: one that runs again and again with values that do not change how it is
// best run. To plan it would cost more than to run it on a few rows, and results
// of kept statements come in binary form where lib/pq can read it. Packages that
// do not import this one write the same comment; elsewhere it means nothing.
const Keep = "/* keep */ "

const (
	// maxKept bounds the statements that one connection keeps.
	maxKept = 50
	// keptFor bounds for how long. The server plans a prepared statement for good
	// after some runs, and a plan that suits small tables ruins large ones.
	keptFor = 2 * time.Second
)

type keptStatement struct {
	statement statement
	since     time.Time
}

// runKept runs a statement that is kept. One that failed is kept no longer: what
// it was prepared for may have changed.
func runKept[R any](ctx context.Context, c *conn, query string, run func(statement) (R, error)) (result R, err error) {
	s, err := c.keep(ctx, query)
	if err != nil {
		return result, err
	}
	if result, err = run(s); err != nil {
		_ = c.watched(ctx, func() error { return c.forget(query) }) // the connection may be broken; the first error tells more
	}
	return result, err
}

// keep returns the statement, prepared now if it is not kept or was for too long.
func (c *conn) keep(ctx context.Context, query string) (s statement, err error) {
	if kept, ok := c.kept[query]; ok && time.Since(kept.since) < keptFor {
		return kept.statement, nil
	}
	err = c.watched(ctx, func() error { return c.makeRoom(query) })
	if err != nil {
		return nil, err
	}
	made, err := c.connection.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := made.(statement)
	if !ok {
		return nil, fmt.Errorf("a prepared statement of lib/pq lacks what database/sql asks of it: %T", made)
	}
	c.kept[query] = keptStatement{s, time.Now()}
	return s, nil
}

// makeRoom forgets the statement itself, if it is kept, and all that is kept
// where that is too much.
func (c *conn) makeRoom(query string) error {
	err := c.forget(query)
	if len(c.kept) == maxKept {
		for each := range c.kept {
			err = errors.Join(err, c.forget(each))
		}
	}
	return err
}

// forget closes a statement, if it is kept.
func (c *conn) forget(query string) error {
	kept, ok := c.kept[query]
	if !ok {
		return nil
	}
	delete(c.kept, query)
	if err := c.usable(); err != nil {
		return err
	}
	return kept.statement.Close()
}
