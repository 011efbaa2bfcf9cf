package segment

import "time"

// Instant is a point in time in microseconds since 1970-01-01T00:00:00Z: the
// resolution that Postgres keeps, in eight bytes.
type Instant int64

// InstantOf cuts t off to microseconds.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMicro()) }

// Time returns the instant as a time in UTC.
func (i Instant) Time() time.Time { return time.UnixMicro(int64(i)).UTC() }
