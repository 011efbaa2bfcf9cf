package tables

import (
	"database/sql"

	"relay/app"
	"relay/app/replay"
)

// Projections lists all projections with their tables. A new one is a file of its
// own and a line here.
func Projections(db *sql.DB) []app.Projection {
	return []app.Projection{
		profilesProjection(db),
		eventsProjection(db),
	}
}

// Setup returns the use case that makes a migrated database ready.
func Setup(db app.Database, controls app.Controls) *app.Setup {
	return &app.Setup{DB: db, Controls: controls, Generations: Generations{}, Writer: Generations{}, Timelines: Timelines{}}
}

// WireReprojector fills in the ports that this package implements.
func WireReprojector(r *replay.Reprojector, db *sql.DB) {
	records := Reprojections{DB: db}
	r.All = Projections(db)
	r.Generations, r.Writer, r.Checkpoints, r.Issues = Generations{}, Generations{}, Generations{}, Issues{}
	r.Reprojections, r.Outcomes, r.Locks, r.Cancellations, r.Snapshots = records, records, records, records, records
	r.Timelines, r.Erasures = Timelines{}, Erasures{}
}
