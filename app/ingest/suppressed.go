package ingest

import (
	"relay/app"
	"relay/domain/segment"
)

// suppresses reports whether there is anybody whose calls are dropped.
func (i *Ingest) suppresses() bool { return i.Suppressed != nil && i.Suppressed.Any() }

// parse parses a payload, and cuts the calls of suppressed people out of its body.
// erased are the indexes of those calls.
func (i *Ingest) parse(parser *segment.Parser, in *Inbound) (payload segment.Payload, erased []int, err error) {
	if !i.suppresses() {
		payload, err = parser.Parse(in.Body, in.PathKind)
		return payload, nil, err
	}
	places, payload, err := parser.Select(in.Body, in.PathKind, nil, func(part *segment.Part) bool {
		ids := segment.IDsOf(part)
		return ids.User != "" && i.Suppressed.Drops(ids.User) || ids.Previous != "" && i.Suppressed.Drops(ids.Previous) ||
			ids.Anonymous != "" && i.Suppressed.Drops(app.AnonymousKey(ids.Anonymous))
	})
	if err != nil || len(places) == 0 {
		return payload, nil, err
	}
	total := payload.Total
	in.Body, erased = segment.Cut(in.Body, payload, nil, places)
	payload, err = parser.ParseCut(in.Body, in.PathKind, erased)
	payload.Total, payload.Erased = total, len(erased)
	return payload, erased, err
}
