package replay

import (
	"log/slog"

	"relay/app"
	"relay/app/live"
)

// Builder builds generations beside those being served: for re-projections, which
// switch to them, and for checks, which compare them and drop them.
type Builder struct {
	Store         Store
	Writer        app.GenerationWriter
	Checkpoints   Checkpoints
	Issues        Issues
	Locks         BuildLocks
	Outcomes      Outcomes
	Cancellations Cancellations
	Erasures      app.Erasures
	Live          app.LiveReader
	Projector     *live.Projector
	Logger        *slog.Logger
	Workers       int   // readers at once; default 1
	Memory        int64 // bytes of partial results in memory, about; default 256 MiB
	MaxBusy       int   // percent of the time that the readers work; 0 is 100
	// Report, if set, receives the progress. It must not block.
	Report func(Progress)
}
