package postgres

// Advisory locks, as the two numbers that the server's functions take. The first
// is the same for all of relay's.
const (
	lockClass = "1919249779, "

	// LaneLock is taken to append to the log, until the end of the transaction, so
	// that offsets become visible in their order.
	LaneLock = lockClass + "1"
	// BuildLock is held by the process that builds generations, for its session.
	BuildLock = lockClass + "2"
)
