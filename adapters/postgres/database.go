package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"relay/app"
	"relay/app/sample"
)

// Database implements app.Database.
type Database struct {
	DB *sql.DB
}

var (
	_ app.Database   = Database{}
	_ sample.Scratch = Database{}
)

// InTx implements app.Database.
func (d Database) InTx(ctx context.Context, do func(tx app.Tx) error) error {
	return translateIn(ctx, InTx(ctx, d.DB, do))
}

// Try implements app.Database.
func (d Database) Try(ctx context.Context, tx app.Tx, do func() error) error {
	return translateIn(ctx, Try(ctx, tx, do))
}

// Try runs do behind a savepoint.
func Try(ctx context.Context, tx *sql.Tx, do func() error) error {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT relay_try`); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = tx.ExecContext(ctx, `RELEASE SAVEPOINT relay_try`)
		return err
	}
	if _, undo := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT relay_try; RELEASE SAVEPOINT relay_try`); undo != nil {
		return errors.Join(err, undo)
	}
	return err
}

// InSnapshot implements app.Database.
func (d Database) InSnapshot(ctx context.Context, do func(tx app.Tx) error) error {
	return d.undone(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, do)
}

// InScratch implements sample.Scratch.
func (d Database) InScratch(ctx context.Context, do func(tx app.Tx) error) error {
	return d.undone(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead}, do)
}

// undone runs do in a transaction that is never committed.
func (d Database) undone(ctx context.Context, options *sql.TxOptions, do func(tx app.Tx) error) error {
	tx, err := d.DB.BeginTx(ctx, options)
	if err != nil {
		return translateIn(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing of it is to stay
	return translateIn(ctx, do(tx))
}

// translateIn is translate for what was done under a context. Once that is at its
// end, statements fail in many ways, depending on where they were; the cause is
// the same.
func translateIn(ctx context.Context, err error) error {
	if cause := ctx.Err(); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return Translate(err)
}

// Translate gives use cases the errors that they tell apart.
func Translate(err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case HasCode(err, codeLockNotAvailable, codeDeadlock):
		return fmt.Errorf("%w: %w", app.ErrLocked, err)
	case HasCode(err, codeDiskFull):
		return fmt.Errorf("%w: %w", app.ErrDiskFull, err)
	case isUnavailable(err):
		return fmt.Errorf("%w: %w", app.ErrDatabase, err)
	}
	if IsUnstorable(err) {
		return fmt.Errorf("%w: %w", app.ErrUnstorable, err)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return app.ErrNotFound // says as much, in relay's words
	}
	return err
}

// SetLockTimeout bounds, for the rest of the transaction, how long it waits for
// a lock. Whoever asks for a lock after a waiting ALTER or DROP waits with it,
// so where readers are concerned it must be short.
func SetLockTimeout(ctx context.Context, tx *sql.Tx, milliseconds int) error {
	_, err := tx.ExecContext(ctx, SQL("SET LOCAL lock_timeout = <milliseconds>", "milliseconds", milliseconds))
	return err
}

// ReadersPatience is how long readers may have to wait for a switch or a drop
// that waits itself, in milliseconds.
const ReadersPatience = 20

// DropPatience is how long the drop of a generation that nobody queries waits,
// in milliseconds: longer than the server takes to stop its own vacuuming of a
// table that somebody wants to drop. No new reader comes after it.
const DropPatience = 3000

func ReadJSON(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]json.RawMessage, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []json.RawMessage{}
	for rows.Next() {
		var row json.RawMessage
		if err := rows.Scan(&row); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// DeleteBefore deletes rows of the table by the time in a column that has an
// index. Rows that another process is deleting are left to it.
func DeleteBefore(ctx context.Context, db *sql.DB, table, column string, t time.Time, limit int) (int, error) {
	result, err := db.ExecContext(ctx, `DELETE FROM `+table+` WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM `+table+` WHERE `+column+` < $1 ORDER BY `+column+` LIMIT $2 FOR UPDATE SKIP LOCKED))`, t, limit)
	if err != nil {
		return 0, fmt.Errorf("delete from %s: %w", table, err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// Storable makes any text one that Postgres can keep.
func Storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
