package logstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"relay/adapters/postgres"
	"relay/app"
)

// ConsumersConfig bounds what one range holds, and so one transaction, and says
// how often consumers look for the next one.
type ConsumersConfig struct {
	MaxRows  int           // log rows of a range; default 2000
	MaxBytes int           // of a range's payloads, but for a single larger one; default 8 MiB
	Pause    time.Duration // after a range that reached the log's end; default 20 ms
	MaxIdle  time.Duration // longest pause between two looks at an idle log; default 50 ms
	// PauseBesideBuild is Pause while generations are built, which need the
	// processors too; default 100 ms.
	PauseBesideBuild time.Duration
	OnError          func(projection string, err error) // told of each try that failed; default: nobody
	Logger           *slog.Logger                       // default: none
}

func (c ConsumersConfig) withDefaults() ConsumersConfig {
	setDefault(&c.MaxRows, 2000)
	setDefault(&c.MaxBytes, 8<<20)
	setDefault(&c.Pause, 20*time.Millisecond)
	setDefault(&c.MaxIdle, 50*time.Millisecond)
	setDefault(&c.PauseBesideBuild, 100*time.Millisecond)
	setDefault(&c.Logger, slog.New(slog.DiscardHandler))
	if c.OnError == nil {
		c.OnError = func(string, error) {}
	}
	return c
}

// Consumers implements app.Consumer with one Watermill subscriber a call.
type Consumers struct {
	db     *sql.DB
	config ConsumersConfig
}

var _ app.Consumer = (*Consumers)(nil)

// NewConsumers returns consumers of the log in db.
func NewConsumers(db *sql.DB, config ConsumersConfig) *Consumers {
	return &Consumers{db: db, config: config.withDefaults()}
}

// Consume implements app.Consumer.
func (c *Consumers) Consume(ctx context.Context, consumption app.Consumption, handle app.HandleBatch) error {
	consumer := &consumer{handle: handle, pace: newPacer(c.config, consumption.Projection), logger: c.config.Logger}
	subscriber, err := c.subscriber(consumption, consumer.pace)
	if err != nil {
		return fmt.Errorf("make the consumer of %s: %w", consumption.Projection, err)
	}
	// The subscription outlives ctx by the range under way; Close ends it.
	lasting := context.WithoutCancel(ctx)
	announced, err := subscriber.Subscribe(lasting, topic)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", consumption.Projection, err)
	}
	defer subscriber.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-announced:
			consumer.receive(lasting, msg)
		}
	}
}

func (c *Consumers) subscriber(consumption app.Consumption, pace *pacer) (*watermillsql.Subscriber, error) {
	var noDeadline time.Duration // a range may take as long as it needs
	return watermillsql.NewSubscriber(beginner{c.db}, watermillsql.SubscriberConfig{
		ConsumerGroup:  fmt.Sprintf("%s/%d", consumption.Projection, consumption.Generation),
		AckDeadline:    &noDeadline,
		BackoffManager: pace,
		SchemaAdapter:  announcements{consumption: consumption, maxRows: c.config.MaxRows, maxBytes: c.config.MaxBytes},
		OffsetsAdapter: acknowledgements{},
	}, watermill.NopLogger{})
}

// consumer takes the ranges that one subscriber announces.
type consumer struct {
	handle app.HandleBatch
	pace   *pacer
	logger *slog.Logger
}

// receive takes the range that a message announces, in the message's transaction,
// and accepts the message in any case: what failed is noted in the transaction.
func (c *consumer) receive(ctx context.Context, msg *message.Message) {
	defer msg.Ack()
	t, err := transactionOf(msg.Context())
	if err != nil {
		c.logger.Error("a range without its transaction", "error", err)
		return
	}
	t.failed = c.take(ctx, t.tx, msg.Payload)
}

// take has the range handled, moves the checkpoint to the range's end, and
// commits. Where it does not come to the commit, the transaction is rolled back
// and the range announced again.
func (c *consumer) take(ctx context.Context, tx *sql.Tx, payload message.Payload) error {
	a, err := readAnnouncement(payload)
	if err != nil {
		return err
	}
	c.pace.next = expectation{more: a.More, building: a.Building}
	taken, err := c.handle(ctx, a.batch(tx))
	if err != nil {
		return err
	}
	if !taken {
		c.pace.next.more = true // the same range, otherwise bounded
		return nil
	}
	if err := moveCheckpoint(ctx, tx, a); err != nil {
		return err
	}
	return tx.Commit()
}

// moveCheckpointSQL does not wait for the disk, where ingest waits. A crash of the
// server may undo the transaction, rows and checkpoint together, and the range is
// then projected again.
const moveCheckpointSQL = postgres.Keep + postgres.MoveCheckpoint + `
RETURNING set_config('synchronous_commit', 'off', true)`

func moveCheckpoint(ctx context.Context, tx *sql.Tx, a announcement) error {
	if _, err := tx.ExecContext(ctx, moveCheckpointSQL, a.Generation, int64(a.UpTo)); err != nil {
		return fmt.Errorf("move the checkpoint of generation %d to %d: %w", a.Generation, a.UpTo, err)
	}
	return nil
}
