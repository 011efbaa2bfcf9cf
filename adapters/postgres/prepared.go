package postgres

import (
	"context"
	"database/sql/driver"
)

// statement is what lib/pq's prepared statements can do. It has six methods
// because database/sql asks for each of them.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// prepared is a statement of lib/pq whose errors are told as its connection's.
type prepared struct {
	conn      *conn
	statement statement
}

var _ statement = (*prepared)(nil)

// ExecContext implements driver.StmtExecContext.
func (p *prepared) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := p.conn.usable(); err != nil {
		return nil, err
	}
	result, err := p.statement.ExecContext(ctx, args)
	return result, endedBy(ctx, err)
}

// QueryContext implements driver.StmtQueryContext.
func (p *prepared) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := p.conn.usable(); err != nil {
		return nil, err
	}
	p.conn.line.reader = ctx
	rows, err := p.statement.QueryContext(ctx, args)
	return rows, p.conn.line.read(err)
}

// Exec implements driver.Stmt.
func (p *prepared) Exec(args []driver.Value) (driver.Result, error) {
	return p.ExecContext(context.Background(), named(args))
}

// Query implements driver.Stmt.
func (p *prepared) Query(args []driver.Value) (driver.Rows, error) {
	return p.QueryContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, value := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	return list
}

// NumInput implements driver.Stmt.
func (p *prepared) NumInput() int { return p.statement.NumInput() }

// Close implements driver.Stmt.
func (p *prepared) Close() error {
	if err := p.conn.usable(); err != nil {
		return err
	}
	return p.statement.Close()
}

// copying is lib/pq's statement of a COPY. It takes no context: what ends it is the
// end of its transaction's.
type copying struct {
	conn      *conn
	statement driver.Stmt
}

var (
	_ driver.Stmt            = (*copying)(nil)
	_ driver.StmtExecContext = (*copying)(nil)
)

// ExecContext implements driver.StmtExecContext.
func (c *copying) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	values := make([]driver.Value, len(args))
	for i, each := range args {
		values[i] = each.Value
	}
	result, err := c.Exec(values)
	return result, endedBy(ctx, err)
}

// Exec implements driver.Stmt.
func (c *copying) Exec(args []driver.Value) (driver.Result, error) {
	if err := c.conn.usable(); err != nil {
		return nil, err
	}
	//lint:ignore SA1019 lib/pq has no other for a COPY
	return c.statement.Exec(args)
}

// Query implements driver.Stmt.
func (c *copying) Query(args []driver.Value) (driver.Rows, error) {
	//lint:ignore SA1019 lib/pq has no other for a COPY
	return c.statement.Query(args)
}

// NumInput implements driver.Stmt.
func (c *copying) NumInput() int { return c.statement.NumInput() }

// Close implements driver.Stmt.
func (c *copying) Close() error { return c.statement.Close() }
