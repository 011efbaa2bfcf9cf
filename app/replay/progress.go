package replay

import (
	"time"

	"relay/app"
)

// Phases of a re-projection, in order. A check loads, indexes and compares.
const (
	PhasePlanning   = "planning"
	PhaseLoading    = "loading"
	PhaseIndexing   = "indexing"
	PhaseCatchingUp = "catching up"
	PhaseSwitching  = "switching"
	PhaseComparing  = "comparing"
)

// Progress is how far a re-projection or a check has come.
type Progress struct {
	ID             int64  // of the re-projection; 0: a check
	Projection     string // that the phase is about; empty: all
	Phase          string
	Done, Total    int64   // log rows
	Calls          int64   // read so far by this process
	CallsPerSecond float64 // since it started or was resumed
	Issues         int64   // how many values and calls were ignored so far
	Live           app.Live
	Left           time.Duration // until all is read, at the rate so far; 0: not known
	Waiting        error         // why the last try failed that will be repeated; nil: none did
}
