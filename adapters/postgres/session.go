package postgres

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// session names a session of the server. Process ids are used again, so the time
// of its start belongs to the name.
type session struct {
	pid   int64
	start string // in seconds since 1970
}

const sessionSQL = `SELECT pid::int8, extract(epoch FROM backend_start)::text FROM pg_stat_get_activity(pg_backend_pid())`

// sessionOf asks a connection for its session.
func sessionOf(ctx context.Context, c connection) (s session, err error) {
	rows, err := c.QueryContext(ctx, sessionSQL, nil)
	if err != nil {
		return s, fmt.Errorf("ask the server for the session: %w", err)
	}
	values := make([]driver.Value, 2)
	if err := rows.Next(values); err != nil {
		_ = rows.Close() // the first error tells more
		return s, fmt.Errorf("ask the server for the session: %w", err)
	}
	var isPid, isStart bool
	s.pid, isPid = values[0].(int64)
	s.start, isStart = values[1].(string)
	if !isPid || !isStart {
		_ = rows.Close() // the connection is not used
		return s, fmt.Errorf("the server names the session %v", values)
	}
	return s, rows.Close()
}

const endSessionSQL = `SELECT pg_terminate_backend(pid, <milliseconds>) FROM pg_stat_activity
WHERE pid = <pid> AND extract(epoch FROM backend_start)::text = '<start>'`

// endSession has the server end a session, on a connection of its own, and
// returns when the session is gone, when ctx ends, or when that does not work.
// Without it a session whose client is gone would go on waiting, and go on with its
// statement.
func (c connector) endSession(ctx context.Context, s session) {
	select {
	case c.ending <- struct{}{}:
		defer func() { <-c.ending }()
	case <-ctx.Done():
		return
	}
	l := &line{}
	defer l.close()
	full, err := c.dial(ctx, l)
	if err != nil {
		return
	}
	_, _ = full.ExecContext(ctx, SQL(endSessionSQL,
		"milliseconds", endWithin.Milliseconds(), "pid", s.pid, "start", s.start), nil) // the line is closed in any case
}
