// Package eventlog is the log on Watermill: this project's schema and offsets
// adapters for watermill-sql, a publisher that commits in groups, and consumers
// that are told of ranges and read them in the transaction that also moves
// their checkpoint.
//
// Order: every append takes one advisory lock, the lane, in the statement that
// inserts and holds it until its commit. Offsets therefore become visible in
// order, and a reader needs no more than "offset" > checkpoint. A transaction
// that somebody else holds open delays nobody.
package logstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"relay/app/ingest"
)

// Topic is the log's name in Watermill.
const Topic = "log"

// keep begins the text of statements that connections keep prepared, where they
// can (see adapters/postgres): planning them costs more than running them.
const keep = "/* keep */ "

// lane is the advisory lock under which offsets are drawn.
const lane = "pg_advisory_xact_lock(1919249779, 1)"

// draft is the context of a message that is to be published: that of the
// append, with the entry that the message stands for. So the entry's columns
// need not become texts and be read again.
type draft struct {
	context.Context
	entry *ingest.NewEntry
}

// newMessages makes the Watermill messages of n entries.
func newMessages(ctx context.Context, n int, entry func(i int) *ingest.NewEntry) []*message.Message {
	list := make([]*message.Message, n)
	messages, drafts := make([]message.Message, n), make([]draft, n)
	for i := range list {
		drafts[i] = draft{ctx, entry(i)}
		list[i] = &messages[i]
		list[i].UUID, list[i].Payload = drafts[i].entry.RequestID, drafts[i].entry.Body
		list[i].SetContext(&drafts[i])
	}
	return list
}

var errNoDraft = errors.New("a message without its entry: messages for the log are made by newMessages")

// entryOf returns the entry that a message stands for.
func entryOf(m *message.Message) (*ingest.NewEntry, error) {
	if d, ok := m.Context().(*draft); ok {
		return d.entry, nil
	}
	return nil, errNoDraft
}

// provenance is what of an entry stands in the log's metadata.
type provenance struct {
	source, route, contentType string
	calls                      int
	erased                     string // a JSON list of the calls that were erased at the door; "": none
}

func provenanceOf(e *ingest.NewEntry) provenance {
	p := provenance{source: e.Source, route: e.Route, contentType: e.ContentType, calls: e.Calls}
	if len(e.Erased) > 0 {
		list, _ := json.Marshal(e.Erased) // numbers always marshal
		p.erased = string(list)
	}
	return p
}

// json is the metadata as it stands in the log.
func (p provenance) json() string {
	metadata := map[string]string{"source": p.source, "route": p.route}
	if p.contentType != "" && p.contentType != "application/json" {
		metadata["content_type"] = p.contentType
	}
	if p.calls != 1 {
		metadata["calls"] = strconv.Itoa(p.calls)
	}
	text, _ := json.Marshal(metadata) // a map of strings always marshals
	if p.erased != "" {
		text = fmt.Appendf(text[:len(text)-1], `,"erased":%s}`, p.erased)
	}
	return string(text)
}
