package logstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"

	"relay/app"
)

// ConsumersConfig bounds what one range holds, and so one transaction.
type ConsumersConfig struct {
	MaxRows  int           // log rows; default 2000
	MaxBytes int           // of payloads, but for a single larger one; default 8 MiB
	Gather   time.Duration // pause after a range that reached the log's end; default 20 ms
	MaxIdle  time.Duration // longest pause between two looks at an idle log; default 50 ms
	// GatherBeside is Gather while generations are built, which is to go on too;
	// default 100 ms.
	GatherBeside time.Duration
	OnError      func(projection string, err error)
	Logger       *slog.Logger
}

func (c ConsumersConfig) withDefaults() ConsumersConfig {
	setDefault(&c.MaxRows, 2000)
	setDefault(&c.MaxBytes, 8<<20)
	setDefault(&c.Gather, 20*time.Millisecond)
	setDefault(&c.MaxIdle, 50*time.Millisecond)
	setDefault(&c.GatherBeside, 100*time.Millisecond)
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

// NewConsumers returns consumers of the log in db.
func NewConsumers(db *sql.DB, config ConsumersConfig) *Consumers {
	return &Consumers{db: db, config: config.withDefaults()}
}

// Consume implements app.Consumer.
func (c *Consumers) Consume(ctx context.Context, consumption app.Consumption, handle func(context.Context, app.Batch) error) error {
	subscriber, err := c.subscriber(consumption)
	if err != nil {
		return fmt.Errorf("make the consumer of %s: %w", consumption.Projection, err)
	}
	// The subscription outlives ctx by the range under way; Close ends it.
	lasting := context.WithoutCancel(ctx)
	messages, err := subscriber.Subscribe(lasting, Topic)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", consumption.Projection, err)
	}
	defer subscriber.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-messages:
			c.handle(lasting, msg, handle)
		}
	}
}

// handle runs the handler in the message's transaction. The message is always
// acknowledged: a failure is noted in the transaction, which then refuses to
// move the checkpoint.
func (c *Consumers) handle(ctx context.Context, msg *message.Message, handle func(context.Context, app.Batch) error) {
	defer msg.Ack()
	tx, err := transactionOf(msg.Context())
	if err != nil {
		c.config.Logger.Error("a range without its transaction", "error", err)
		return
	}
	row, err := rangeOf(msg)
	if err != nil {
		tx.failed = err
		return
	}
	tx.failed = handle(ctx, app.Batch{Tx: tx.Tx, Generation: row.generation, Range: row.r, ControlHead: row.controlHead})
}

func (c *Consumers) subscriber(consumption app.Consumption) (*watermillsql.Subscriber, error) {
	var noDeadline time.Duration // a range may take as long as it needs
	pace := newPacer(c.config, consumption.Projection)
	return watermillsql.NewSubscriber(newBeginner(c.db), watermillsql.SubscriberConfig{
		ConsumerGroup:  fmt.Sprintf("%s/%d", consumption.Projection, consumption.Generation),
		AckDeadline:    &noDeadline,
		BackoffManager: pace,
		SchemaAdapter:  rangeSchema{consumption: consumption, maxRows: c.config.MaxRows, maxBytes: c.config.MaxBytes, more: pace.expect},
		OffsetsAdapter: checkpoints{},
	}, watermill.NopLogger{})
}

// pacer decides how long to wait before the next look at the log: not at all
// while the log holds more than a range, a moment after the end was reached,
// since what a transaction costs is shared by all that it takes in, a little
// more each time the log is idle, and ever longer while there are errors. The
// subscriber's goroutine alone uses it.
type pacer struct {
	config     ConsumersConfig
	projection string
	more       bool // whether the last range left something
	building   bool // whether generations were built then
	idle       time.Duration
	errors     *backoff.ExponentialBackOff
}

func newPacer(config ConsumersConfig, projection string) *pacer {
	p := &pacer{config: config, projection: projection, errors: backoff.NewExponentialBackOff()}
	p.errors.InitialInterval = 50 * time.Millisecond
	p.errors.MaxInterval = 5 * time.Second
	return p
}

func (p *pacer) expect(more, building bool) { p.more, p.building = more, building }

// HandleError implements watermillsql.BackoffManager.
func (p *pacer) HandleError(_ watermill.LoggerAdapter, idle bool, err error) time.Duration {
	if errors.Is(err, app.ErrAgain) {
		return 0
	}
	if err != nil {
		wait := p.errors.NextBackOff()
		p.config.Logger.Error("a projection cannot go on and will try again", "projection", p.projection, "error", err, "in", wait)
		p.config.OnError(p.projection, err)
		return wait
	}
	p.errors.Reset()
	switch {
	case !idle && p.more:
		p.idle = 0
	case !idle && p.building:
		p.idle = p.config.GatherBeside
	case !idle:
		p.idle = p.config.Gather
	default:
		p.idle = min(max(2*p.idle, time.Millisecond), p.config.MaxIdle)
	}
	return p.idle
}
