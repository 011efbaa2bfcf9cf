package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"

	"relay/adapters/postgres"
	"relay/adapters/postgres/logstore"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// allKinds are the kinds of every payload.
const allKinds = segment.Identify | segment.Track

const (
	readWhat = "read the log"
	copyWay  = "psql binary COPY OUT"
)

// reading measures how fast the log is read.
func (b *bench) reading(ctx context.Context) error {
	if err := b.place.exec(ctx, `VACUUM ANALYZE relay.log`); err != nil {
		return err
	}
	database := postgres.Database{DB: b.place.db}
	err := b.measure(readWhat, "relay, one reader", "rows", b.calls, func() error {
		return database.InSnapshot(ctx, func(tx app.Tx) error {
			return logstore.Reader{}.Read(ctx, tx, eventlog.Range{UpTo: 1 << 60}, allKinds, func(*eventlog.Entry) error { return nil })
		})
	})
	if err != nil {
		return err
	}
	if err := b.copyOut(ctx); err != nil {
		return err
	}
	return b.defaultSubscriber(ctx)
}

// copyOut measures psql's binary COPY of the whole log: the median of three runs,
// after one that fills the caches.
func (b *bench) copyOut(ctx context.Context) error {
	var rows int
	if err := b.place.db.QueryRowContext(ctx, `SELECT count(*) FROM relay.log`).Scan(&rows); err != nil {
		return err
	}
	var took []time.Duration
	for range 4 {
		one, err := timed(func() error { return b.copyOnce(ctx) })
		if err != nil {
			return err
		}
		took = append(took, one)
	}
	slices.Sort(took[1:])
	b.note(result{what: readWhat, way: copyWay, unit: "rows", n: rows, took: took[2]})
	b.copyRate = float64(rows) / took[2].Seconds()
	return nil
}

// copyOnce lets psql copy the whole log out once.
func (b *bench) copyOnce(ctx context.Context) error {
	psql, err := exec.LookPath("psql")
	if err != nil {
		return errors.New("psql is needed to compare with: install a PostgreSQL client")
	}
	command := exec.CommandContext(ctx, psql, b.place.url, "-qc", `COPY (SELECT * FROM relay.log) TO STDOUT (FORMAT binary)`)
	command.Stdout = io.Discard
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", copyWay, err)
	}
	return nil
}

// defaultSubscriber is Watermill's default subscriber on a backlog of as many
// messages as the log has. For each batch it sorts what is left of it, so it is
// given a time, and not an end to reach.
func (b *bench) defaultSubscriber(ctx context.Context) error {
	if err := b.fillBacklog(ctx); err != nil {
		return fmt.Errorf("write a backlog for Watermill's default subscriber: %w", err)
	}
	// The database is dropped too, unless it is kept.
	defer func() { _ = b.place.exec(ctx, `DROP TABLE watermill_backlog, watermill_offsets_backlog`) }()
	subscriber, err := watermillsql.NewSubscriber(watermillsql.BeginnerFromStdSQL(b.place.plain), watermillsql.SubscriberConfig{
		ConsumerGroup: "bench", SchemaAdapter: watermillsql.DefaultPostgreSQLSchema{},
		OffsetsAdapter: watermillsql.DefaultPostgreSQLOffsetsAdapter{}, InitializeSchema: true,
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	defer subscriber.Close()
	messages, err := subscriber.Subscribe(ctx, backlogTopic)
	if err != nil {
		return err
	}
	started, n := time.Now(), 0
	for time.Since(started) < b.options.backlog {
		select {
		case m := <-messages:
			m.Ack()
			n++
		case <-time.After(10 * time.Minute):
			return errors.New("no message for ten minutes from Watermill's default subscriber")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.note(result{what: readWhat, way: "Watermill's default", unit: "rows", n: n, took: time.Since(started)})
	return nil
}

// backlogTopic is a topic with all of the log.
const backlogTopic = "backlog"

func (b *bench) fillBacklog(ctx context.Context) error {
	if err := b.makeTopic(ctx, backlogTopic); err != nil {
		return err
	}
	err := b.place.exec(ctx, `INSERT INTO watermill_backlog (uuid, payload, metadata, transaction_id)
SELECT uuid, convert_from(payload, 'UTF8')::json, metadata, pg_current_xact_id() FROM relay.log ORDER BY "offset"`)
	if err != nil {
		return err
	}
	return b.place.exec(ctx, `VACUUM ANALYZE watermill_backlog`)
}

// makeTopic makes the table of Watermill's default publisher.
func (b *bench) makeTopic(ctx context.Context, topic string) error {
	queries, err := watermillsql.DefaultPostgreSQLSchema{}.SchemaInitializingQueries(
		watermillsql.SchemaInitializingQueriesParams{Topic: topic})
	if err != nil {
		return err
	}
	for _, q := range queries {
		if _, err := b.place.db.ExecContext(ctx, q.Query, q.Args...); err != nil {
			return fmt.Errorf("make Watermill's default table: %w", err)
		}
	}
	return nil
}
