package console

import (
	"net/http"

	"relay/app/lookup"
)

type eventsData struct {
	lookup.EventNames
	Prefix     string // of the active mapping
	Shown      string // the event whose properties are shown; empty: none
	Properties []lookup.EventProperty
	Looked     int64 // events of it that were looked at
}

// events shows which events there are.
func (c *Console) events(r *http.Request) (*page, error) {
	current, err := c.config.Mappings.Version(r.Context(), 0)
	if err != nil {
		return nil, err
	}
	data := eventsData{Prefix: current.Spec.EventPrefix, Shown: r.FormValue("name")}
	if data.EventNames, err = c.config.Events.Names(r.Context()); err != nil {
		return nil, err
	}
	if data.Shown != "" {
		if data.Properties, data.Looked, err = c.config.Events.Properties(r.Context(), data.Shown); err != nil {
			return nil, err
		}
	}
	return &page{Status: http.StatusOK, Template: "events.html", Title: "Events", Data: data}, nil
}
