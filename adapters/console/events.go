package console

import (
	"net/http"

	"relay/app/lookup"
)

type eventsData struct {
	lookup.EventNames
	Prefix     string // of the mapping that holds
	Shown      string // the event whose properties are shown; empty: none
	Properties []lookup.EventProperty
	Looked     int64 // events of it that were looked at
}

// events shows which events there are.
func (c Config) events(w http.ResponseWriter, r *http.Request) error {
	current, err := c.Mappings.Version(r.Context(), 0)
	if err != nil {
		return err
	}
	data := eventsData{Prefix: current.Spec.EventPrefix, Shown: r.FormValue("name")}
	if data.EventNames, err = c.Events.Names(r.Context()); err != nil {
		return err
	}
	if data.Shown != "" {
		if data.Properties, data.Looked, err = c.Events.Properties(r.Context(), data.Shown); err != nil {
			return err
		}
	}
	c.render(w, r, http.StatusOK, "events.html", "Events", data)
	return nil
}
