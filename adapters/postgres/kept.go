package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
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

// keeper opens connections that keep statements.
type keeper struct{ driver.Connector }

// Connect implements driver.Connector.
func (k keeper) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(connection)
	if !ok {
		return nil, fmt.Errorf("a connection of lib/pq lacks what database/sql asks of it: %T", conn)
	}
	return &keepingConn{connection: full, kept: map[string]keptStatement{}}, nil
}

// connection is what lib/pq's connections can do.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// statement is what lib/pq's prepared statements can do.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keepingConn is a connection with the statements that it keeps. Like every
// driver.Conn it is used by one goroutine at a time.
type keepingConn struct {
	connection
	kept map[string]keptStatement
}

type keptStatement struct {
	statement
	since time.Time
}

// ExecContext implements driver.ExecerContext.
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !strings.HasPrefix(query, Keep) {
		return c.connection.ExecContext(ctx, query, args)
	}
	return runKept(ctx, c, query, func(s statement) (driver.Result, error) { return s.ExecContext(ctx, args) })
}

// QueryContext implements driver.QueryerContext.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !strings.HasPrefix(query, Keep) {
		return c.connection.QueryContext(ctx, query, args)
	}
	return runKept(ctx, c, query, func(s statement) (driver.Rows, error) { return s.QueryContext(ctx, args) })
}

// runKept runs a statement that is kept. One that failed is kept no longer: what
// it was prepared for may have changed.
func runKept[R any](ctx context.Context, c *keepingConn, query string, run func(statement) (R, error)) (result R, err error) {
	s, err := c.prepared(ctx, query)
	if err != nil {
		return result, err
	}
	if result, err = run(s); err != nil {
		_ = c.forget(query) // the connection may be broken; the first error tells more
	}
	return result, err
}

func (c *keepingConn) prepared(ctx context.Context, query string) (statement, error) {
	if s, ok := c.kept[query]; ok && time.Since(s.since) < keptFor {
		return s, nil
	}
	if err := c.makeRoom(query); err != nil {
		return nil, err
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(statement)
	if !ok {
		return nil, fmt.Errorf("a prepared statement of lib/pq lacks what database/sql asks of it: %T", prepared)
	}
	c.kept[query] = keptStatement{s, time.Now()}
	return s, nil
}

// makeRoom forgets the statement itself, if it is kept, and all that is kept
// where that is too much.
func (c *keepingConn) makeRoom(query string) error {
	err := c.forget(query)
	if len(c.kept) == maxKept {
		for each := range c.kept {
			err = errors.Join(err, c.forget(each))
		}
	}
	return err
}

// forget closes a statement, if it is kept.
func (c *keepingConn) forget(query string) error {
	s, ok := c.kept[query]
	if !ok {
		return nil
	}
	delete(c.kept, query)
	return s.Close()
}
