package sample

import (
	"maps"
	"slices"
	"sync"
	"time"

	"relay/app"
	"relay/app/replay"
	"relay/domain/eventlog"
	"relay/projections"
)

// phaseReading is the phase in which a sample's calls are read from the log.
const phaseReading = "reading"

// subset is the part of a projection that is compared: what is served of it, with
// what the log gives for it. The latter is called rebuilt.
type subset struct {
	sampler    *Sampler
	store      replay.Store // the sampler's
	projection app.Projection
	change     *app.Replay    // of the timeline for what is rebuilt; nil: none
	served     app.Generation // as the subset knows it
	history    app.History

	people map[string]bool // of whom rows are compared, by their ids; nil: everybody
	enough int             // reading may end after calls of so many people; 0: all is read

	joinsServed, joinsRebuilt bool     // whether mappings join ids, on either side
	linking                   *linking // nil: they do on neither
	linked                    bool     // whether the links were compared

	mu      sync.Mutex // guards the rest, and linking while workers read
	started time.Time
	phase   string
	left    []eventlog.Range // of the log, to be read
	done    eventlog.Offset  // how many offsets were read in this phase
	seen    map[string]bool  // people of whom calls were folded
	calls   int64            // that were folded

	issuesRebuilt, issuesServed projections.Issues
}

// mappings returns the mappings up to the served checkpoint, after the change.
func (u *subset) mappings(change *app.Replay) projections.Mappings {
	return u.history.Mappings(u.projection.Name, change).UpTo(u.served.Checkpoint)
}

// joins reports, for the served and for the rebuilt timeline, whether ids are
// joined in the projection up to the offset.
func (u *subset) joins(upTo eventlog.Offset) (served, rebuilt bool) {
	served = u.projection.JoinsUnder(u.history.Mappings(u.projection.Name, nil).UpTo(upTo))
	rebuilt = u.projection.JoinsUnder(u.history.Mappings(u.projection.Name, u.change).UpTo(upTo))
	return served, rebuilt
}

// whole is the range of the log that is served.
func (u *subset) whole() eventlog.Range { return eventlog.Range{UpTo: u.served.Checkpoint} }

// basis says what was folded so far.
func (u *subset) basis() *replay.Basis {
	people := len(u.seen)
	switch {
	case u.people != nil && u.linking != nil:
		people = u.linking.people()
	case u.people != nil:
		people = len(u.people)
	}
	return &replay.Basis{People: people, Calls: u.calls}
}

// ids returns the people's ids in order; nil for everybody.
func (u *subset) ids() []string {
	if u.people == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(u.people))
}

// report reports the progress. The caller holds mu, or is alone.
func (u *subset) report(phase string) {
	if u.sampler.Report == nil {
		return
	}
	u.sampler.Report(replay.Progress{
		Projection: u.projection.Name, Phase: phase, Done: int64(u.done), Total: int64(u.served.Checkpoint),
		Calls: u.calls, CallsPerSecond: float64(u.calls) / max(time.Since(u.started).Seconds(), 0.001),
	})
}
