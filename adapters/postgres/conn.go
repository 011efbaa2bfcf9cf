package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/lib/pq"
)

// connector opens connections that keep statements and give up a server that
// does not answer any more.
type connector struct {
	config pq.Config
	ending chan struct{} // holds a value for each session that is being ended, see endSession
}

// maxEnding bounds the connections that connections which give up open beside the
// pool's.
const maxEnding = 2

func newConnector(config pq.Config) connector {
	return connector{config: config, ending: make(chan struct{}, maxEnding)}
}

// Driver implements driver.Connector.
func (connector) Driver() driver.Driver { return &pq.Driver{} }

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	l := &line{}
	full, err := c.dial(ctx, l)
	if err != nil {
		return nil, err
	}
	session, err := sessionOf(ctx, full)
	if err != nil {
		l.close()
		return nil, endedBy(ctx, err)
	}
	l.endWith(func(ctx context.Context) { c.endSession(ctx, session) })
	return &conn{connection: full, line: l, kept: map[string]keptStatement{}}, nil
}

// dial opens a connection of lib/pq on a line. lib/pq reads the server's answers
// to the handshake without regard to ctx, so the end of ctx closes the line.
func (c connector) dial(ctx context.Context, l *line) (connection, error) {
	opener, err := pq.NewConnectorConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	opener.Dialer(l)
	stop := context.AfterFunc(ctx, l.close)
	made, err := opener.Connect(ctx)
	if !stop() && err == nil {
		err = ctx.Err() // the line is closed
	}
	if err != nil {
		return nil, endedBy(ctx, err)
	}
	full, ok := made.(connection)
	if !ok {
		l.close()
		return nil, fmt.Errorf("a connection of lib/pq lacks what database/sql asks of it: %T", made)
	}
	l.connected()
	return full, nil
}

// endedBy makes the end of ctx the cause of an error that followed it. An
// ErrBadConn is replaced: database/sql would take it for a reason to run the
// statement once more, and nobody knows whether the server ran it.
func endedBy(ctx context.Context, err error) error {
	cause := ctx.Err()
	switch {
	case err == nil || cause == nil || errors.Is(err, cause):
		return err
	case errors.Is(err, driver.ErrBadConn):
		return cause
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// connection is what lib/pq's connections can do. It has more than five methods
// because database/sql asks for each of them.
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

// conn is a connection of lib/pq with the statements that it keeps. Like every
// driver.Conn it is used by one goroutine at a time.
//
// When the context of a call ends, the call returns within giveUpWithin (a commit
// within commitWithin and endWithin), whatever the server does, and its error is
// the context's. The connection is not used again, since a request to cancel may
// still be on its way. What the server did of a statement that was given up is
// unknown.
type conn struct {
	connection connection
	line       *line
	kept       map[string]keptStatement

	txCtx context.Context // of the transaction that is open
	tx    driver.Tx
}

var (
	_ connection = (*conn)(nil)
	_ driver.Tx  = (*conn)(nil)
)

// usable returns ErrBadConn, before anything is sent, once the connection gives
// up.
func (c *conn) usable() error {
	if c.line.givesUp() {
		return driver.ErrBadConn
	}
	return nil
}

// watched runs what lib/pq itself does not end with ctx.
func (c *conn) watched(ctx context.Context, do func() error) error {
	stop := context.AfterFunc(ctx, c.line.giveUp)
	defer stop()
	return endedBy(ctx, do())
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(query, Keep) {
		result, err = runKept(ctx, c, query, func(s statement) (driver.Result, error) { return s.ExecContext(ctx, args) })
	} else {
		result, err = c.connection.ExecContext(ctx, query, args)
	}
	return result, endedBy(ctx, err)
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	c.line.reader = ctx
	if strings.HasPrefix(query, Keep) {
		rows, err = runKept(ctx, c, query, func(s statement) (driver.Rows, error) { return s.QueryContext(ctx, args) })
	} else {
		rows, err = c.connection.QueryContext(ctx, query, args)
	}
	return rows, c.line.read(err)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	made, err := c.connection.PrepareContext(ctx, query)
	if err != nil {
		return nil, endedBy(ctx, err)
	}
	if s, ok := made.(statement); ok {
		return &prepared{conn: c, statement: s}, nil
	}
	return &copying{conn: c, statement: made}, nil
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	err := c.watched(ctx, func() (err error) {
		c.tx, err = c.connection.BeginTx(ctx, options)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.txCtx = ctx
	return c, nil
}

// Commit implements driver.Tx. What became of a commit that is given up nobody
// knows, so the server may take longer for it.
func (c *conn) Commit() error {
	c.line.setCommitting(true)
	defer c.line.setCommitting(false)
	return c.endTx(driver.Tx.Commit)
}

// Rollback implements driver.Tx.
func (c *conn) Rollback() error { return c.endTx(driver.Tx.Rollback) }

func (c *conn) endTx(end func(driver.Tx) error) error {
	if err := c.usable(); err != nil {
		return endedBy(c.txCtx, err)
	}
	return endedBy(c.txCtx, end(c.tx))
}

// Ping implements driver.Pinger.
func (c *conn) Ping(ctx context.Context) error {
	if err := c.usable(); err != nil {
		return err
	}
	return endedBy(ctx, c.connection.Ping(ctx))
}

// ResetSession implements driver.SessionResetter.
func (c *conn) ResetSession(ctx context.Context) error {
	if err := c.usable(); err != nil {
		return err
	}
	return c.connection.ResetSession(ctx)
}

// IsValid implements driver.Validator.
func (c *conn) IsValid() bool { return c.usable() == nil && c.connection.IsValid() }

// CheckNamedValue implements driver.NamedValueChecker.
func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	return c.connection.CheckNamedValue(value)
}

// Prepare implements driver.Conn.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Begin implements driver.Conn.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// Close implements driver.Conn. A request to cancel that is under way goes on. So
// does the end of a session that may still work on rows which nobody reads.
func (c *conn) Close() error {
	if !c.line.leavesRows() {
		c.line.endWith(func(context.Context) {}) // the session ends with the connection
	}
	return c.connection.Close()
}
