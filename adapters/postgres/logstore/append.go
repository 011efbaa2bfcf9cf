package logstore

import (
	"context"
	"database/sql"
	"fmt"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"relay/app/ingest"
)

// appendEntries appends the entries in order, with one statement on db: a
// database, which commits the statement, or a transaction. There is at least one
// entry.
//
// Watermill's messages carry bytes and strings only, and an entry has more, so
// the publisher is made for these entries: its schema adapter holds them.
func appendEntries(ctx context.Context, db watermillsql.ContextExecutor, entries []*ingest.NewEntry) error {
	publisher, err := watermillsql.NewPublisher(db, watermillsql.PublisherConfig{SchemaAdapter: insertion{entries}}, nil)
	if err != nil {
		return fmt.Errorf("make the log's publisher: %w", err)
	}
	return publisher.Publish(topic, messagesOf(ctx, entries)...)
}

// messagesOf returns a message for each entry. All are allocated at once.
func messagesOf(ctx context.Context, entries []*ingest.NewEntry) []*message.Message {
	list, messages := make([]*message.Message, len(entries)), make([]message.Message, len(entries))
	for i, e := range entries {
		list[i] = &messages[i]
		list[i].UUID, list[i].Payload = e.Inbound.RequestID, e.Inbound.Body
	}
	list[0].SetContext(ctx) // the publisher works under the first message's context
	return list
}

// AppendAll appends the entries in one commit, in order: for loading a log from
// somewhere else. db must have been opened with binary_parameters=yes.
func AppendAll(ctx context.Context, db *sql.DB, entries []ingest.NewEntry) error {
	if len(entries) == 0 {
		return nil
	}
	list := make([]*ingest.NewEntry, len(entries))
	for i := range entries {
		list[i] = &entries[i]
	}
	return appendEntries(ctx, watermillsql.BeginnerFromStdSQL(db), list)
}
