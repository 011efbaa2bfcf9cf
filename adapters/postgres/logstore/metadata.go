package logstore

import (
	"encoding/json"
	"fmt"
	"strconv"

	"relay/app/ingest"
)

// metadata is what of an entry stands in the log's column of that name. It is
// comparable: most entries of a statement have the same.
type metadata struct {
	source, route, contentType string
	calls                      int
	erased                     string // a JSON list of the calls that were erased before the entry was appended; "": none
}

func metadataOf(e *ingest.NewEntry) metadata {
	m := metadata{source: e.Inbound.Source, route: e.Inbound.Route, contentType: e.Inbound.ContentType, calls: e.Calls}
	if len(e.Erased) > 0 {
		list, _ := json.Marshal(e.Erased) // numbers always marshal
		m.erased = string(list)
	}
	return m
}

// json returns the metadata as it stands in the log. What most entries have in
// common, one call and a content type of JSON, is left out.
func (m metadata) json() string {
	members := map[string]string{"source": m.source, "route": m.route}
	if m.contentType != "" && m.contentType != "application/json" {
		members["content_type"] = m.contentType
	}
	if m.calls != 1 {
		members["calls"] = strconv.Itoa(m.calls)
	}
	text, _ := json.Marshal(members) // a map of strings always marshals
	if m.erased != "" {
		text = fmt.Appendf(text[:len(text)-1], `,"erased":%s}`, m.erased)
	}
	return string(text)
}
