package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// Lock is the key of an advisory lock as SQL takes it: the number that all of
// relay's have, and the lock's own. Every database of a server has locks of its
// own under these keys.
//
// Whoever takes several takes them in this order, so that nobody waits for
// somebody who waits for him:
//
//	StopChecks   by who wants a check to end, before Builds
//	Builds       by a re-projection, a check, a cancellation
//	Erasures     by an erasure, and where a load begins or ends
//	the rows of relay_store.generations: the served ones in the order of the list
//	             of projections, then the others by id
//	the tables and views of generations, by ALTER, DROP and CREATE VIEW
//	Lane         by every append; last, so that ingest waits for nothing else
//
// SearchIndexes is taken alone. The first set-up of a database takes Lane before
// it makes generations, which nobody else can know yet. Where two wait for each
// other all the same, the server ends one of them with the error that
// app.ErrLocked stands for, and app.RetryLocked tries it again.
type Lock string

const lockFamily = "1919249779, "

// Every advisory lock there is.
const (
	// Lane is held while offsets are drawn, until the append commits: so offsets
	// become visible in order.
	Lane Lock = lockFamily + "1"
	// Builds is the right to build generations, held by a connection of its own.
	Builds Lock = lockFamily + "2"
	// Erasures keeps erasures apart from each other, and from the beginning and the
	// end of a load.
	Erasures Lock = lockFamily + "3"
	// SearchIndexes is held by the process that makes search indexes.
	SearchIndexes Lock = lockFamily + "4"
	// StopChecks is held, shared, by those who want a check to end.
	StopChecks Lock = lockFamily + "5"
)

// InTx is the SQL call that takes the lock until the transaction ends.
func (l Lock) InTx() string { return "pg_advisory_xact_lock(" + string(l) + ")" }

// Try is the SQL call that takes the lock for the session if it is free, and
// tells whether it did.
func (l Lock) Try() string { return "pg_try_advisory_lock(" + string(l) + ")" }

// Unlock is the SQL call that releases what Try took.
func (l Lock) Unlock() string { return "pg_advisory_unlock(" + string(l) + ")" }

// Shared is the SQL call that takes the lock for the session, beside others who
// share it.
func (l Lock) Shared() string { return "pg_advisory_lock_shared(" + string(l) + ")" }

// UnlockShared is the SQL call that releases what Shared took.
func (l Lock) UnlockShared() string { return "pg_advisory_unlock_shared(" + string(l) + ")" }

// Held is the SQL condition that somebody holds the lock.
func (l Lock) Held() string { return "EXISTS (SELECT FROM pg_locks l WHERE " + l.Row() + ")" }

// Row is the SQL condition that l, a row of pg_locks, is the lock in somebody's
// hold. Other databases of the server have locks with the same keys.
func (l Lock) Row() string {
	return `l.locktype = 'advisory' AND (l.classid, l.objid) = (` + string(l) + `) AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`
}

// unlockWithin is how long the server may take to release a lock.
const unlockWithin = 5 * time.Second

// Unlock releases the lock of a connection, and returns the connection to the pool.
// If the server does not release the lock, Unlock ends the connection, and the lock
// with it.
func Unlock(conn *sql.Conn, statement string) {
	ctx, cancel := context.WithTimeout(context.Background(), unlockWithin)
	defer cancel()
	if _, err := conn.ExecContext(ctx, statement); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	conn.Close()
}
