package app

import (
	"context"
	"database/sql"
	"math"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Tx is the transaction that a use case works in. Use cases hand it on and
// never run SQL on it themselves.
type Tx = *sql.Tx

// LogReader reads entries.
type LogReader interface {
	// Read calls each for every entry of the range that holds any of the kinds,
	// in order of offset. The entry's memory is reused after each returns; an
	// error of each ends the reading and is returned as it is.
	Read(ctx context.Context, tx Tx, r eventlog.Range, kinds segment.Kinds, each func(*eventlog.Entry) error) error
	// Head returns the greatest offset that is visible, 0 in an empty log.
	Head(ctx context.Context, tx Tx) (eventlog.Offset, error)
}

// Controls reads and writes what changes the meaning of history.
type Controls interface {
	// Lock makes the transaction the only one that can append, until it ends.
	Lock(ctx context.Context, tx Tx) error
	// Append writes a control entry and returns its offset. Lock comes first.
	Append(ctx context.Context, tx Tx, c eventlog.Control) (eventlog.Offset, error)
	// All returns every control entry in order of offset.
	All(ctx context.Context, tx Tx) ([]eventlog.ControlEntry, error)
}

// Batch is a range of the log that a generation is to take in, and the
// transaction that also moves the generation's checkpoint to the range's end.
type Batch struct {
	Tx         Tx
	Generation int64
	Range      eventlog.Range
	// ControlHead is the offset of the last control entry: what was known of
	// the timeline stays true as long as it is the same.
	ControlHead eventlog.Offset
}

// Consumption says whose checkpoint a consumer moves and what it reads.
type Consumption struct {
	Projection string
	// Kinds of the entries whose number and size bound a range, asked before
	// each. They may change while the consumer runs.
	Kinds func() segment.Kinds
	// Generation that is being built, which never goes further than the one
	// being served; 0: whichever is being served.
	Generation int64
}

// Consumer announces ranges.
type Consumer interface {
	// Consume hands one batch after the other to handle until ctx ends. It commits
	// a batch's transaction after handle took the batch. Otherwise it rolls the
	// transaction back and announces the range again: after an error a little
	// later, without an error at once. A batch under way is finished when ctx ends.
	Consume(ctx context.Context, c Consumption, handle HandleBatch) error
}

// HandleBatch takes a batch. It returns false, without an error, for a batch that
// it did not take because Consumption.Kinds have just changed, so that the range
// has other bounds now.
type HandleBatch func(ctx context.Context, b Batch) (taken bool, err error)

const (
	// Chunk is how many offsets a worker reads in one transaction.
	Chunk = 10_000
	// DefaultMemory is Builder.Memory where it is not set.
	DefaultMemory = 256 << 20
)

// Everything are all kinds that an entry may have: what the log's column holds.
const Everything = segment.Kinds(math.MaxInt32)
