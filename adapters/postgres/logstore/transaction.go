package logstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
)

// beginner begins transactions that commit only what was acknowledged.
//
// Watermill's subscriber commits whenever it ends without an error, also when it
// is closed while a handler works, and it sends a refused message again inside
// the same transaction. Here the commit goes through only after the checkpoint
// moved, and a handler's failure makes moving it fail, so that the subscriber
// rolls back, backs off and begins anew.
type beginner struct {
	watermillsql.StdSQLBeginner
	db *sql.DB
}

func newBeginner(db *sql.DB) beginner {
	return beginner{StdSQLBeginner: watermillsql.StdSQLBeginner{SQLBeginner: db}, db: db}
}

// BeginTx implements watermillsql.Beginner.
func (b beginner) BeginTx(ctx context.Context, options *sql.TxOptions) (watermillsql.Tx, error) {
	tx, err := b.db.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &transaction{StdSQLTx: watermillsql.StdSQLTx{Tx: tx}}, nil
}

type transaction struct {
	watermillsql.StdSQLTx
	failed error // of the handler
	acked  bool
}

// ExecContext implements watermillsql.Tx.
func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (watermillsql.Result, error) {
	if query != moveCheckpointSQL {
		return t.StdSQLTx.ExecContext(ctx, query, args...)
	}
	if t.failed != nil {
		return nil, t.failed
	}
	result, err := t.StdSQLTx.ExecContext(ctx, query, args...)
	t.acked = err == nil
	return result, err
}

// Commit implements watermillsql.Tx.
func (t *transaction) Commit() error {
	if t.acked {
		return t.Tx.Commit()
	}
	return t.Tx.Rollback()
}

var errForeignTransaction = errors.New("the subscriber handed out a transaction that is not of this package")

// transactionOf returns the subscriber's transaction.
func transactionOf(ctx context.Context) (*transaction, error) {
	tx, ok := watermillsql.TxFromContext(ctx)
	if !ok {
		return nil, errForeignTransaction
	}
	t, ok := tx.(*transaction)
	if !ok {
		return nil, fmt.Errorf("%w: %T", errForeignTransaction, tx)
	}
	return t, nil
}
