package app

import (
	"context"

	"relay/domain/eventlog"
)

// Erasures keeps generations that are being loaded and erasures apart: what is
// loaded may have been read before an erasure.
type Erasures interface {
	// Lock makes the transaction the only one that erases persons or that begins
	// or ends the loading of a generation, until it ends.
	Lock(ctx context.Context, tx Tx) error
	// Pend notes an erasure for a generation that is being loaded.
	Pend(ctx context.Context, tx Tx, generation int64, e PendingErasure) error
	// Pending returns what was noted for a generation.
	Pending(ctx context.Context, tx Tx, generation int64) ([]PendingErasure, error)
	// Settle removes what was noted for a generation.
	Settle(ctx context.Context, tx Tx, generation int64) error
}

// Erased says what of a generation goes with erased calls. What other calls still
// say of any of it is to be folded again.
type Erased struct {
	Users     []string // whose rows go
	Anonymous []string // whose rows go, where they are not a user's
	Claims    []string // anonymous ids whose claims go
	Aliases   []string // user ids whose aliases go
}

// PendingErasure is what is left to do in a generation once it is loaded.
type PendingErasure struct {
	Erased
	Entries []eventlog.Offset // to fold again, since an erased call had stood before what is in them
	Recount bool              // whether erased calls held what a fold ignores
}
