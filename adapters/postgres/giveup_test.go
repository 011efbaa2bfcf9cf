package postgres

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"relay/adapters/embeddedpg/pgtest"
)

// call is something that waits for the server. begin makes all ready, and returns
// what waits: for the advisory lock 7, or for a server that answers nothing.
type call struct {
	name  string
	begin func(ctx context.Context, t *testing.T, db *sql.DB) (wait func() error)
}

const (
	lockSQL     = `SELECT pg_advisory_lock(7)`
	keptLockSQL = Keep + `SELECT pg_advisory_xact_lock($1)`
)

// inTx makes a call of one that runs in a transaction.
func inTx(run func(ctx context.Context, tx *sql.Tx) error) func(context.Context, *testing.T, *sql.DB) func() error {
	return func(ctx context.Context, t *testing.T, db *sql.DB) func() error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		return func() error {
			defer func() { _ = tx.Rollback() }() // as InTx does
			return run(ctx, tx)
		}
	}
}

// onPool makes a call of one that takes any connection.
func onPool(run func(ctx context.Context, db *sql.DB) error) func(context.Context, *testing.T, *sql.DB) func() error {
	return func(ctx context.Context, t *testing.T, db *sql.DB) func() error {
		if err := db.PingContext(ctx); err != nil { // so that a connection is there
			t.Fatal(err)
		}
		return func() error { return run(ctx, db) }
	}
}

func readAll(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func errorOf[T any](_ T, err error) error { return err }

// lockingCalls wait for a lock; all of them wait for a server that answers nothing,
// too.
var lockingCalls = []call{
	{"exec", onPool(func(ctx context.Context, db *sql.DB) error { return errorOf(db.ExecContext(ctx, lockSQL)) })},
	{"exec with values", onPool(func(ctx context.Context, db *sql.DB) error {
		return errorOf(db.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, 7))
	})},
	{"query", onPool(func(ctx context.Context, db *sql.DB) error { return readAll(db.QueryContext(ctx, lockSQL)) })},
	{"kept query", onPool(func(ctx context.Context, db *sql.DB) error { return readAll(db.QueryContext(ctx, keptLockSQL, 7)) })},
	{"kept exec", onPool(func(ctx context.Context, db *sql.DB) error { return errorOf(db.ExecContext(ctx, keptLockSQL, 7)) })},
	{"exec in a transaction", inTx(func(ctx context.Context, tx *sql.Tx) error { return errorOf(tx.ExecContext(ctx, lockSQL)) })},
	{"kept query in a transaction", inTx(func(ctx context.Context, tx *sql.Tx) error { return readAll(tx.QueryContext(ctx, keptLockSQL, 7)) })},
	{"exec prepared", prepared7(func(ctx context.Context, s *sql.Stmt) error { return errorOf(s.ExecContext(ctx, 7)) })},
	{"query prepared", prepared7(func(ctx context.Context, s *sql.Stmt) error { return readAll(s.QueryContext(ctx, 7)) })},
	{"rows", onPool(func(ctx context.Context, db *sql.DB) error {
		return readAll(db.QueryContext(ctx, `SELECT CASE i WHEN 9999 THEN pg_advisory_lock(7)::text ELSE repeat('.', 100) END FROM generate_series(1, 10000) i`))
	})},
	{"copy", inTx(func(ctx context.Context, tx *sql.Tx) error {
		s, err := tx.PrepareContext(ctx, `COPY waiting FROM STDIN`)
		if err != nil {
			return err
		}
		if err := errorOf(s.ExecContext(ctx, 1)); err != nil {
			return err
		}
		return errorOf(s.ExecContext(ctx))
	})},
	{"commit", func(ctx context.Context, t *testing.T, db *sql.DB) func() error {
		tx, err := db.BeginTx(ctx, nil)
		if err == nil {
			_, err = tx.Exec(`INSERT INTO waiting_late VALUES (1)`)
		}
		if err != nil {
			t.Fatal(err)
		}
		return tx.Commit
	}},
}

// silentCalls wait for a server that answers nothing.
var silentCalls = append([]call{
	{"ping", onPool(func(ctx context.Context, db *sql.DB) error { return db.PingContext(ctx) })},
	{"begin", onPool(func(ctx context.Context, db *sql.DB) error { return errorOf(db.BeginTx(ctx, nil)) })},
	{"prepare", onPool(func(ctx context.Context, db *sql.DB) error { return errorOf(db.PrepareContext(ctx, lockSQL)) })},
	{"connect", func(ctx context.Context, _ *testing.T, db *sql.DB) func() error {
		return func() error { return db.PingContext(ctx) }
	}},
	{"rollback", func(ctx context.Context, t *testing.T, db *sql.DB) func() error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		return tx.Rollback
	}},
}, lockingCalls...)

func prepared7(run func(ctx context.Context, s *sql.Stmt) error) func(context.Context, *testing.T, *sql.DB) func() error {
	return func(ctx context.Context, t *testing.T, db *sql.DB) func() error {
		s, err := db.PrepareContext(ctx, `SELECT pg_advisory_lock($1)`)
		if err != nil {
			t.Fatal(err)
		}
		return func() error { return run(ctx, s) }
	}
}

// faulty is a database through a staller, and directly.
type faulty struct {
	db     *sql.DB
	direct *sql.DB
	proxy  *pgtest.Staller
}

func openFaulty(t *testing.T) faulty {
	t.Helper()
	url := pgtest.URL(t)
	through, proxy := pgtest.Stallable(t, url)
	f := faulty{direct: openURL(t, url), proxy: proxy}
	if _, err := f.direct.Exec(`CREATE TABLE waiting (a int); CREATE TABLE waiting_late (a int);
CREATE FUNCTION wait_late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON waiting_late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_late();
CREATE TRIGGER soon AFTER INSERT ON waiting FOR EACH ROW EXECUTE FUNCTION wait_late()`); err != nil {
		t.Fatal(err)
	}
	config, err := configOf(through)
	if err != nil {
		t.Fatal(err)
	}
	f.db = sql.OpenDB(newConnector(config))
	f.db.SetMaxOpenConns(1) // what is not given back is missed
	t.Cleanup(func() { f.db.Close() })
	return f
}

// waiting returns how many sessions of the database wait for a lock.
func (f faulty) waiting(t *testing.T) (n int) {
	t.Helper()
	if err := f.direct.QueryRow(`SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT granted AND a.datname = current_database()`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// returnsEnded checks that a call returns soon after its context was ended, and
// says why.
func returnsEnded(t *testing.T, cancel func(), returned <-chan error) {
	t.Helper()
	began := time.Now()
	cancel()
	select {
	case err := <-returned:
		if !errors.Is(err, context.Canceled) && !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("%v, want one that says that it was cancelled", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the server")
	}
	t.Logf("returned after %s", time.Since(began).Round(time.Millisecond))
}

// TestLostCancels: where the server knows nothing of a statement's cancellation,
// the statement returns all the same, and the session waits no more.
func TestLostCancels(t *testing.T) {
	t.Parallel()
	for _, c := range lockingCalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := openFaulty(t)
			f.proxy.LoseCancels()
			holder, err := f.direct.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := holder.ExecContext(t.Context(), lockSQL); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			wait := c.begin(ctx, t, f.db)
			returned := make(chan error, 1)
			go func() { returned <- wait() }()
			waitFor(t, "the call to wait", func() bool { return f.waiting(t) == 1 })
			returnsEnded(t, cancel, returned)
			waitFor(t, "the session's end", func() bool { return f.waiting(t) == 0 })
			if err := f.db.PingContext(t.Context()); err != nil {
				t.Error(err)
			}
			if f.proxy.Lost() == 0 {
				t.Error("no request to cancel was lost")
			}
		})
	}
}

// TestSilentServer: where the server answers nothing any more, whatever waits for
// it returns when its context ends.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	for _, c := range silentCalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := openFaulty(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			wait := c.begin(ctx, t, f.db)
			returned := make(chan error, 1)
			f.proxy.While(func() {
				go func() { returned <- wait() }()
				waitFor(t, "the call to send", func() bool { return f.proxy.HeldUp() > 0 })
				returnsEnded(t, cancel, returned)
			})
			if err := f.db.PingContext(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCancelledStatements: where the server does as it is told, the session that
// was cancelled is not used again, and needs not be ended.
func TestCancelledStatements(t *testing.T) {
	t.Parallel()
	for _, c := range lockingCalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := openFaulty(t)
			holder, err := f.direct.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := holder.ExecContext(t.Context(), lockSQL); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			wait := c.begin(ctx, t, f.db)
			returned := make(chan error, 1)
			go func() { returned <- wait() }()
			waitFor(t, "the call to wait", func() bool { return f.waiting(t) == 1 })
			returnsEnded(t, cancel, returned)
			if err := f.db.PingContext(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
