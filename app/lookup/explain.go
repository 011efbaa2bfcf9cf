package lookup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/profile"
	"relay/domain/segment"
	"relay/projections"
)

// Explainer tells what the projections make of one entry of the log, and why
// they pass over the rest.
type Explainer struct {
	DB          app.Database
	Log         app.LogReader
	Controls    app.Controls
	Generations app.Generations
	Messages    app.MessageFinder // of the events projection
	Served      ServedEvents
}

// ServedEvents reads what people see of the events projection.
type ServedEvents interface {
	// EventsAt returns the rows of relay.events that the entry at the offset made.
	EventsAt(ctx context.Context, tx app.Tx, at eventlog.Offset) ([]EventRow, error)
}

// Explanation is what the projections make of an entry.
type Explanation struct {
	Entry      eventlog.Entry
	Calls      []ExplainedCall
	Rejected   []segment.Rejection
	Unreadable string          // why the payload is no calls at all
	Versions   map[string]int  // mapping version by projection
	Taken      map[string]bool // whether the projection that is served has come so far
}

// ExplainedCall is what the projections make of one call.
type ExplainedCall struct {
	segment.Call
	ObservedAt time.Time
	Profile    *profile.State     // what the call says of a person; nil: nothing
	Event      *projections.Event // the row that it makes, or will make; nil: none
	Served     *EventRow          // the row that people see; nil: none
	FirstSeen  eventlog.Offset    // where the row of its message id comes from, if from another payload
	Ignored    []IgnoredPart
	Why        map[string]string // by projection, why it makes nothing of the call
}

// IgnoredPart is what a projection ignores of a call.
type IgnoredPart struct {
	Projection, Code, Detail string
}

// Explain explains the entry at the offset; ErrNotFound: there is none.
func (x *Explainer) Explain(ctx context.Context, at eventlog.Offset) (out Explanation, err error) {
	err = x.DB.InSnapshot(ctx, func(tx app.Tx) error {
		found := false
		err := x.Log.Read(ctx, tx, eventlog.Range{After: at - 1, UpTo: at}, app.Everything, func(e *eventlog.Entry) error {
			found = true
			out.Entry = *e
			out.Entry.Payload = slices.Clone(e.Payload)
			return nil
		})
		if err != nil {
			return err
		}
		if !found {
			return errNoEntry
		}
		return x.explain(ctx, tx, &out)
	})
	if err != nil {
		return out, fmt.Errorf("log offset %d: %w", at, err)
	}
	return out, nil
}

func (x *Explainer) explain(ctx context.Context, tx app.Tx, out *Explanation) error {
	history, err := app.ReadHistory(ctx, tx, x.Controls)
	if err != nil {
		return err
	}
	out.Versions, out.Taken = map[string]int{}, map[string]bool{}
	served := map[string]app.Generation{}
	all, err := x.Generations.AllServing(ctx, tx)
	if err != nil {
		return err
	}
	for _, g := range all {
		served[g.Projection] = g
		out.Versions[g.Projection] = history.Timelines.Of(g.Projection).At(out.Entry.Offset)
		out.Taken[g.Projection] = g.Checkpoint >= out.Entry.Offset
	}
	if out.Entry.Kinds.Has(segment.Control) {
		return nil
	}
	payload, err := new(segment.Parser).ParseCut(out.Entry.Payload, segment.KindOfRoute(out.Entry.Route), out.Entry.Erased)
	if err != nil {
		out.Unreadable = err.Error()
		return nil
	}
	out.Rejected = payload.Rejected
	mappings := func(name string) projections.Mapping {
		return history.Mappings(name, nil).UpTo(served[name].Checkpoint).At(out.Entry.Offset)
	}
	for _, call := range payload.Calls[:min(len(payload.Calls), maxExplained)] {
		out.Calls = append(out.Calls, explainCall(&out.Entry, call, mappings(projections.Profiles), mappings(projections.Events)))
	}
	if err := x.addServed(ctx, tx, out); err != nil {
		return err
	}
	return x.findFirst(ctx, tx, served[projections.Events].ID, out)
}

func (x *Explainer) addServed(ctx context.Context, tx app.Tx, out *Explanation) error {
	rows, err := x.Served.EventsAt(ctx, tx, out.Entry.Offset)
	if err != nil {
		return err
	}
	for _, row := range rows {
		for i := range out.Calls {
			if out.Calls[i].Index == row.LogIndex {
				out.Calls[i].Served = &row
			}
		}
	}
	return nil
}

// maxExplained is how many calls of a payload are explained: people read them.
const maxExplained = 50

// findFirst finds the calls whose message id has its row from another payload.
func (x *Explainer) findFirst(ctx context.Context, tx app.Tx, generation int64, out *Explanation) error {
	var ids []string
	for i := range out.Calls {
		if out.Calls[i].Event != nil {
			ids = append(ids, out.Calls[i].Event.MessageID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := x.Messages.MessageRows(ctx, tx, generation, ids)
	if err != nil {
		return err
	}
	for i := range out.Calls {
		event := out.Calls[i].Event
		if event == nil {
			continue
		}
		if row, ok := rows[event.MessageID]; ok && row.Position != event.Position {
			out.Calls[i].FirstSeen = row.Offset
		}
	}
	return nil
}

func explainCall(e *eventlog.Entry, call segment.Call, forProfiles, forEvents projections.Mapping) ExplainedCall {
	at, _ := call.ObservedAt(e.ReceivedAt)
	out := ExplainedCall{Call: call, ObservedAt: at.Time(), Why: map[string]string{}}
	people := projections.NewProfilesFold(projections.ProfilesParts())
	people.Call(e, &call, forProfiles)
	for _, found := range []map[string]profile.State{people.People, people.Anonymous} {
		for _, state := range found {
			out.Profile = &state
		}
	}
	events := projections.NewEventsFold()
	events.Call(e, &call, forEvents)
	if len(events.Events) > 0 {
		out.Event = &events.Events[0]
	}
	out.ignored(projections.Profiles, people.Ignored())
	out.ignored(projections.Events, events.Ignored())
	switch {
	case out.Profile != nil:
	case call.Kind != segment.Identify:
		out.Why[projections.Profiles] = "Profiles are made of identify calls; this is " + call.Kind.String() + "."
	default:
		out.Why[projections.Profiles] = "It has no userId, and the mapping joins no ids (identity: off)."
	}
	switch {
	case out.Event != nil:
	case !forEvents.Spec.Events.Has(call.Kind):
		out.Why[projections.Events] = "The mapping makes no events of " + call.Kind.String() + " calls."
	default:
		out.Why[projections.Events] = "It has no name."
	}
	return out
}

func (c *ExplainedCall) ignored(projection string, issues projections.Issues) {
	keys := slices.SortedFunc(maps.Keys(issues), func(a, b projections.IssueKey) int {
		return slices.Compare([]string{a.Code, a.Detail}, []string{b.Code, b.Detail})
	})
	for _, key := range keys {
		c.Ignored = append(c.Ignored, IgnoredPart{projection, key.Code, key.Detail})
	}
}
