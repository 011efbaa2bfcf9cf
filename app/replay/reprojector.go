package replay

import (
	"relay/app"
)

// Reprojector applies mappings to the past: it builds new generations beside
// those being served, and switches to them.
type Reprojector struct {
	Builder       *Builder
	Reprojections Reprojections
	Snapshots     Snapshots
	Timelines     app.Timelines
	// Started, if set, receives each run once it is on record.
	Started func(Reprojection)
}

// run is one re-projection under way.
type run struct {
	reprojector *Reprojector
	build       *build
	store       Store // the build's
	record      Reprojection
}
