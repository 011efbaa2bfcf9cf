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

// WireBuilder fills in the ports that this package implements.
func WireBuilder(b *replay.Builder, db *sql.DB) {
	records := Reprojections{DB: db}
	b.Writer, b.Checkpoints, b.Issues, b.Erasures = Generations{}, Generations{}, Issues{}, Erasures{}
	b.Locks, b.Outcomes, b.Cancellations = records, records, records
}

// NewReprojector returns a re-projector that builds with the builder.
func NewReprojector(b *replay.Builder, db *sql.DB) *replay.Reprojector {
	records := Reprojections{DB: db}
	return &replay.Reprojector{Builder: b, Reprojections: records, Snapshots: records, Timelines: Timelines{}}
}
