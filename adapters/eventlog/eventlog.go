// Package eventlog is the log on Watermill: this project's schema and offsets
// adapters for watermill-sql, a publisher that commits in groups, and consumers
// that are told of ranges and read them in the transaction that also moves
// their checkpoint.
//
// Order: every append takes one advisory lock, the lane, in the statement that
// inserts and holds it until its commit. Offsets therefore become visible in
// order, and a reader needs no more than "offset" > checkpoint. A transaction
// that somebody else holds open delays nobody.
package eventlog

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"relay/app"
	"relay/domain/segment"
)

// Topic is the log's name in Watermill.
const Topic = "log"

// lane is the advisory lock under which offsets are drawn.
const lane = "pg_advisory_xact_lock(1919249779, 1)"

// Names of what a message carries beside its payload. kinds and received_at
// become columns of their own, the rest stays in the log's metadata.
const (
	metaKinds       = "kinds"
	metaReceivedAt  = "received_at"
	metaSource      = "source"
	metaRoute       = "route"
	metaContentType = "content_type"
	metaCalls       = "calls"
	metaErased      = "erased"
)

// messageOf makes the Watermill message of an entry.
func messageOf(e app.NewEntry) *message.Message {
	m := message.NewMessage(e.RequestID, e.Body)
	m.Metadata = message.Metadata{
		metaKinds:      strconv.FormatUint(uint64(e.Kinds), 10),
		metaReceivedAt: strconv.FormatInt(int64(segment.InstantOf(e.ReceivedAt)), 10),
		metaSource:     e.Source,
		metaRoute:      e.Route,
	}
	if e.ContentType != "" && e.ContentType != "application/json" {
		m.Metadata[metaContentType] = e.ContentType
	}
	if e.Calls != 1 {
		m.Metadata[metaCalls] = strconv.Itoa(e.Calls)
	}
	if len(e.Erased) > 0 {
		list, _ := json.Marshal(e.Erased) // numbers always marshal
		m.Metadata[metaErased] = string(list)
	}
	return m
}

// columns returns what of a message stands in columns of its own.
func columns(m *message.Message) (kinds segment.Kinds, receivedAt segment.Instant, err error) {
	k, err := strconv.ParseUint(m.Metadata[metaKinds], 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("message %s has no kinds: %w", m.UUID, err)
	}
	at, err := strconv.ParseInt(m.Metadata[metaReceivedAt], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("message %s has no time of receipt: %w", m.UUID, err)
	}
	return segment.Kinds(k), segment.Instant(at), nil
}

// metadataOf returns the rest of a message's metadata as it stands in the log.
func metadataOf(m *message.Message) string {
	rest := make(map[string]string, len(m.Metadata))
	for key, value := range m.Metadata {
		if key != metaKinds && key != metaReceivedAt && key != metaErased {
			rest[key] = value
		}
	}
	text, _ := json.Marshal(rest) // a map of strings always marshals
	if erased := m.Metadata[metaErased]; erased != "" {
		text = fmt.Appendf(text[:len(text)-1], `,"%s":%s}`, metaErased, erased) // a list, as Rewrite leaves it
	}
	return string(text)
}
