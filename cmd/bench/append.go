package main

import (
	"context"
	"encoding/json"
	"fmt"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"relay/adapters/postgres/logstore"
	"relay/app/ingest"
)

// commitRows is how many rows one commit holds in the comparison.
const commitRows = 500

// appendRows is how many rows the slower peers append at most.
const appendRows = 100_000

// appending measures how fast payloads get into the log, 500 a commit.
func (b *bench) appending(ctx context.Context) error {
	const what = "append, 500 a commit"
	if written, err := b.isWritten(ctx); err != nil || written {
		return err
	}
	traffic := newTraffic(b.calls, 1)
	err := b.measureAppend(what, "relay", b.calls, traffic, func(entries []ingest.NewEntry) error {
		return logstore.AppendAll(ctx, b.place.db, entries)
	})
	if err != nil {
		return err
	}
	if err := b.place.exec(ctx, `CREATE TABLE peer_copy (LIKE relay.log INCLUDING ALL)`); err != nil {
		return err
	}
	few := min(appendRows, b.calls)
	copyIn := func(entries []ingest.NewEntry) error { return b.copyIn(ctx, entries) }
	if err := b.measureAppend(what, "lib/pq COPY", few, newTraffic(few, 2), copyIn); err != nil {
		return err
	}
	publisher, err := b.defaultPublisher(ctx)
	if err != nil {
		return err
	}
	return b.measureAppend(what, "Watermill's default", few, newTraffic(few, 3), func(entries []ingest.NewEntry) error {
		messages := make([]*message.Message, len(entries))
		for i, e := range entries {
			messages[i] = message.NewMessage(e.Inbound.RequestID, e.Inbound.Body)
			messages[i].Metadata = message.Metadata{"source": e.Inbound.Source, "route": e.Inbound.Route}
		}
		return publisher.Publish(peerTopic, messages...)
	})
}

// isWritten reports whether the log was written by an earlier run.
func (b *bench) isWritten(ctx context.Context) (written bool, err error) {
	err = b.place.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM relay.log)`).Scan(&written)
	return written, err
}

// measureAppend measures how fast commit appends n entries. The time to make the
// entries does not count.
func (b *bench) measureAppend(what, way string, n int, traffic *traffic, commit func([]ingest.NewEntry) error) error {
	total := result{what: what, way: way, unit: "rows"}
	for total.n < n {
		entries := make([]ingest.NewEntry, min(20*commitRows, n-total.n))
		for i := range entries {
			entries[i] = traffic.next()
		}
		took, err := timed(func() error { return inCommits(entries, commit) })
		if err != nil {
			return fmt.Errorf("%s, %s: %w", what, way, err)
		}
		total.n, total.took = total.n+len(entries), total.took+took
	}
	b.note(total)
	return nil
}

func inCommits(entries []ingest.NewEntry, commit func([]ingest.NewEntry) error) error {
	for len(entries) > 0 {
		n := min(commitRows, len(entries))
		if err := commit(entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// copyIn writes the same rows as relay does, by lib/pq's COPY.
func (b *bench) copyIn(ctx context.Context, entries []ingest.NewEntry) error {
	tx, err := b.place.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	stmt, err := tx.PrepareContext(ctx, `COPY peer_copy ("offset", uuid, received_at, kinds, identity, payload, metadata) FROM STDIN`)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }() // the last Exec has ended the COPY
	for _, e := range entries {
		b.copied++
		metadata, err := json.Marshal(map[string]string{"source": e.Inbound.Source, "route": e.Inbound.Route})
		if err != nil {
			return err
		}
		_, err = stmt.ExecContext(ctx, b.copied, e.Inbound.RequestID, e.Inbound.ReceivedAt, int64(e.Kinds), e.Kinds&1 != 0,
			e.Inbound.Body, string(metadata))
		if err != nil {
			return err
		}
	}
	if _, err := stmt.ExecContext(ctx); err != nil {
		return err
	}
	return tx.Commit()
}

// peerTopic is the topic of Watermill's default publisher.
const peerTopic = "peer"

func (b *bench) defaultPublisher(ctx context.Context) (*watermillsql.Publisher, error) {
	if err := b.makeTopic(ctx, peerTopic); err != nil {
		return nil, err
	}
	config := watermillsql.PublisherConfig{SchemaAdapter: watermillsql.DefaultPostgreSQLSchema{}}
	return watermillsql.NewPublisher(watermillsql.BeginnerFromStdSQL(b.place.plain), config, nil)
}
