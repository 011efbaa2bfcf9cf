package replay

import (
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
)

// OutdatedPlan is the error of Run for a plan that no longer applies: the
// timeline was changed after the plan was made. Nothing was built or recorded.
type OutdatedPlan struct {
	Change string // what changed the timeline, as "mapping version 4 was applied"
}

// Error implements error.
func (o *OutdatedPlan) Error() string {
	return "the plan no longer applies: " + o.Change + " after it was made; plan again"
}

// check returns an OutdatedPlan if the timeline was changed after the plan was
// made. An erasure changes no timeline: the plan still applies to what is left.
func (p Plan) check(h app.History) error {
	for _, entry := range h.After(p.AsOf) {
		if change := timelineChange(entry.Control); change != "" {
			return &OutdatedPlan{Change: change}
		}
	}
	return nil
}

// timelineChange says how a control entry changes timelines; "": it does not.
func timelineChange(c eventlog.Control) string {
	switch {
	case c.MappingActivated != nil:
		return fmt.Sprintf("mapping version %d was applied", c.MappingActivated.Version)
	case c.Reprojected != nil:
		return fmt.Sprintf("a re-projection from log offset %d under mapping version %d was done", c.Reprojected.From, c.Reprojected.Version)
	case c.Undone != nil:
		return "a re-projection was undone"
	}
	return ""
}
