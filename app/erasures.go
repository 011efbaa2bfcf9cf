package app

import (
	"context"

	"relay/domain/eventlog"
)

// Erasures keeps erasures and the loads of generations apart: a loader may have
// read calls that are erased before the load ends.
type Erasures interface {
	// Lock makes the transaction the only one that erases people, or that begins or
	// ends the load of a generation, until the transaction ends.
	Lock(ctx context.Context, tx Tx) error
	// Pend notes an erasure for a generation that is being loaded.
	Pend(ctx context.Context, tx Tx, generation int64, e PendingErasure) error
	// Pending returns the erasures that are noted for a generation.
	Pending(ctx context.Context, tx Tx, generation int64) ([]PendingErasure, error)
	// DeletePending removes the erasures that are noted for a generation.
	DeletePending(ctx context.Context, tx Tx, generation int64) error
}

// Erased says what of a generation goes with erased calls. Rows and links that
// other calls give as well are to be folded again.
type Erased struct {
	Users     []string // user ids whose rows go
	Anonymous []string // anonymous ids whose rows go, unless these are a user's
	Claims    []string // anonymous ids of which all claims go
	Aliases   []string // user ids of which all aliases go
}

// PendingErasure is what is left to do in a generation when its load ends.
type PendingErasure struct {
	Erased  Erased
	Entries []eventlog.Offset // to fold again: erased calls had shadowed calls in them
	Recount bool              // whether the generation's issues are to be counted again
}
