package replay

import "relay/domain/eventlog"

// Reprojection is one run of a Reprojector, as it is on record.
type Reprojection struct {
	ID          int64           `json:"id"`
	Projections []string        `json:"projections"` // of which the timeline changes
	Rebuilt     []string        `json:"rebuilt"`     // those of them of which rows change
	From        eventlog.Offset `json:"from_offset"`
	Version     int             `json:"mapping_version"`
	AsOf        eventlog.Offset `json:"-"`                // see app.Replay
	Undoes      int64           `json:"undoes,omitempty"` // the re-projection that it undoes; 0: none
	Control     eventlog.Offset `json:"-"`                // of the control entry that it wrote at the switch
}
