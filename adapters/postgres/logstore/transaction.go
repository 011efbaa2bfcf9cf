package logstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
)

// beginner begins the transactions of a subscriber.
type beginner struct {
	db *sql.DB
}

var _ watermillsql.Beginner = beginner{}

// BeginTx implements watermillsql.Beginner.
func (b beginner) BeginTx(ctx context.Context, options *sql.TxOptions) (watermillsql.Tx, error) {
	tx, err := b.db.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &transaction{tx: tx}, nil
}

// ExecContext implements watermillsql.Beginner.
func (b beginner) ExecContext(ctx context.Context, query string, args ...any) (watermillsql.Result, error) {
	return b.db.ExecContext(ctx, query, args...)
}

// QueryContext implements watermillsql.Beginner.
func (b beginner) QueryContext(ctx context.Context, query string, args ...any) (watermillsql.Rows, error) {
	return b.db.QueryContext(ctx, query, args...)
}

// transaction is one that a subscriber began, found a range in, and handed to a
// consumer, which alone commits it.
//
// The subscriber commits whenever it ends without an error, even where it was
// closed before the checkpoint moved, and it sends a message that was refused
// once more inside the same transaction. So the consumer accepts every message,
// and the subscriber learns from its acknowledgement what came of the range.
type transaction struct {
	tx     *sql.Tx
	failed error // why the consumer did not take the range; set before the message is accepted
}

var _ watermillsql.Tx = (*transaction)(nil)

// QueryContext implements watermillsql.Tx: the subscriber looks for a range.
func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (watermillsql.Rows, error) {
	return t.tx.QueryContext(ctx, query, args...)
}

// ExecContext implements watermillsql.Tx: the subscriber acknowledges the range.
// It executes nothing else, and the consumer did the work already, so there is
// only the outcome to be told. After an error the subscriber rolls back and asks
// its pacer how long to wait.
func (t *transaction) ExecContext(context.Context, string, ...any) (watermillsql.Result, error) {
	return acknowledged{}, t.failed
}

// Commit implements watermillsql.Tx. What the consumer did not commit is not to
// be kept; after its commit there is nothing left to roll back.
func (t *transaction) Commit() error { return t.Rollback() }

// Rollback implements watermillsql.Tx.
func (t *transaction) Rollback() error { return t.tx.Rollback() }

// acknowledged is the result of an acknowledgement.
type acknowledged struct{}

// RowsAffected implements watermillsql.Result.
func (acknowledged) RowsAffected() (int64, error) { return 1, nil }

var errForeignTransaction = errors.New("the subscriber handed out a transaction that is not of this package")

// transactionOf returns the transaction of a message.
func transactionOf(ctx context.Context) (*transaction, error) {
	tx, _ := watermillsql.TxFromContext(ctx)
	t, ok := tx.(*transaction)
	if !ok {
		return nil, fmt.Errorf("%w: %T", errForeignTransaction, tx)
	}
	return t, nil
}

// acknowledgements is the offsets adapter. It has nothing to do: the query for
// the next range reads the checkpoint itself, to lock and use it in one
// statement, and the consumer moves it.
type acknowledgements struct{}

var _ watermillsql.OffsetsAdapter = acknowledgements{}

// AckMessageQuery implements watermillsql.OffsetsAdapter; see
// transaction.ExecContext.
func (acknowledgements) AckMessageQuery(watermillsql.AckMessageQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// ConsumedMessageQuery implements watermillsql.OffsetsAdapter.
func (acknowledgements) ConsumedMessageQuery(watermillsql.ConsumedMessageQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// NextOffsetQuery implements watermillsql.OffsetsAdapter.
func (acknowledgements) NextOffsetQuery(watermillsql.NextOffsetQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// SchemaInitializingQueries implements watermillsql.OffsetsAdapter.
func (acknowledgements) SchemaInitializingQueries(watermillsql.OffsetsSchemaInitializingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}

// BeforeSubscribingQueries implements watermillsql.OffsetsAdapter.
func (acknowledgements) BeforeSubscribingQueries(watermillsql.BeforeSubscribingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}
