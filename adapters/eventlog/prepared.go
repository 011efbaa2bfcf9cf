package eventlog

import (
	"context"
	"database/sql"
	"fmt"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
)

// prepared is a database on which the log's insert runs as a prepared statement:
// to plan it costs more than to insert a dozen rows.
type prepared struct {
	watermillsql.Beginner
	insert *sql.Stmt
}

func prepareInsert(db *sql.DB) (prepared, error) {
	insert, err := db.Prepare(insertSQL)
	if err != nil {
		return prepared{}, fmt.Errorf("prepare the log's insert: %w", err)
	}
	return prepared{watermillsql.BeginnerFromStdSQL(db), insert}, nil
}

// ExecContext implements watermillsql.ContextExecutor.
func (p prepared) ExecContext(ctx context.Context, query string, args ...any) (watermillsql.Result, error) {
	if query != insertSQL {
		return p.Beginner.ExecContext(ctx, query, args...)
	}
	return p.insert.ExecContext(ctx, args...)
}
