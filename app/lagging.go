package app

import (
	"context"
	"time"

	"relay/domain/eventlog"
)

// Live tells how the live projections stand.
type Live struct {
	Checkpoint    eventlog.Offset // the least of theirs
	Lag           time.Duration   // age of the oldest log row that one has still to take in
	RowsPerSecond float64
}

// LiveReader reads Checkpoint and Lag.
type LiveReader interface {
	Live(ctx context.Context) (Live, error)
}
