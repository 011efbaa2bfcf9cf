package console

import (
	"net/http"
	"strconv"
	"time"

	"relay/app/lookup"
	"relay/domain/eventlog"
	"relay/domain/profile"
	"relay/domain/segment"
	"relay/projections"
)

type entryData struct {
	lookup.Explanation
	ReceivedAt time.Time
	IsControl  bool
	Calls      []entryCall
	More       int // calls that are not explained
	Only       int // the call that was asked for; -1: all
}

// entryCall is a call beside what the projections made of it, for the template.
type entryCall struct {
	lookup.ExplainedCall
	Type        string
	Traits      []entryField
	Preferences []entryField
	Channels    []entryField
	Properties  string // of the event
	Person      string // whom the served event is of; empty: nobody
	NoProfile   string // why nothing was made of it
	NoEvent     string
}

type entryField struct{ Name, Value string }

// entry shows a payload as received, and the rows that it made.
func (c *Console) entry(r *http.Request) (*page, error) {
	offset, err := whole(r.PathValue("offset"), "a log offset")
	if err != nil {
		return nil, err
	}
	explanation, err := c.config.Explainer.Explain(r.Context(), eventlog.Offset(offset))
	if err != nil {
		return nil, err
	}
	data := entryData{
		Explanation: explanation, ReceivedAt: explanation.Entry.ReceivedAt.Time(),
		IsControl: explanation.Entry.Kinds.Has(segment.Control), Only: -1,
	}
	if text := r.FormValue("call"); text != "" {
		only, err := whole(text, "call")
		if err != nil {
			return nil, err
		}
		data.Only = int(only)
	}
	for _, call := range explanation.Calls {
		if data.Only < 0 || call.Index == data.Only {
			data.Calls = append(data.Calls, entryCallOf(call))
		} else {
			data.More++
		}
	}
	return &page{Status: http.StatusOK, Template: "entry.html", Title: "Log offset " + strconv.FormatInt(offset, 10), Data: data}, nil
}

func entryCallOf(call lookup.ExplainedCall) entryCall {
	out := entryCall{
		ExplainedCall: call, Type: call.Kind.String(),
		NoProfile: call.Why[projections.Profiles], NoEvent: call.Why[projections.Events],
	}
	if call.Event != nil {
		out.Properties = pretty(call.Event.Properties)
	}
	if call.Served != nil {
		out.Properties = pretty(call.Served.Properties)
		if call.Served.DistinctID != nil {
			out.Person = *call.Served.DistinctID
		}
	}
	if call.Profile == nil {
		return out
	}
	for _, t := range call.Profile.Traits {
		out.Traits = append(out.Traits, entryField{t.Key, string(t.Value)})
	}
	for i, s := range call.Profile.Settings {
		if s.IsSet() {
			out.Preferences = append(out.Preferences, entryField{profile.Preference(i).String(), s.Value})
		}
	}
	for _, v := range call.Profile.Channels {
		out.Channels = append(out.Channels, entryField{v.Channel.String(), v.Value})
	}
	return out
}
