package postgres

import (
	"context"
	"errors"
	"testing"

	"relay/app"
)

// TestInterruptedStatements: whatever the server answers to a statement that is
// interrupted, use cases are told that it was.
func TestInterruptedStatements(t *testing.T) {
	t.Parallel()
	db := open(t)
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(t.Context(), `SELECT pg_advisory_lock(7)`); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]func(context.Context, func(app.Tx) error) error{
		"transaction": Database{db}.InTx, "snapshot": Database{db}.InSnapshot, "scratch": Database{db}.InScratch,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for waiting := 0; waiting == 0 && ctx.Err() == nil; {
				_ = holder.QueryRowContext(ctx, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting) // asked again
			}
		}()
		err := in(ctx, func(tx app.Tx) error {
			_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7)`)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want one that says that it was interrupted", name, err)
		}
		cancel()
	}
}
