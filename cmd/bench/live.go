package main

import (
	"context"
	"fmt"

	"relay/adapters/postgres"
	"relay/adapters/postgres/logstore"
	"relay/adapters/postgres/tables"
	"relay/app/live"
)

// setUp makes the first generations.
func (b *bench) setUp(ctx context.Context) error {
	return tables.Setup(postgres.Database{DB: b.place.db}, logstore.Controls{}).Ensure(ctx, tables.Projections(b.place.db), false)
}

// projecting measures the live projections on a backlog: all that is in the log
// and not projected yet.
func (b *bench) projecting(ctx context.Context) error {
	if err := b.setUp(ctx); err != nil {
		return err
	}
	var n int
	err := b.place.db.QueryRowContext(ctx, `SELECT count(*) FROM relay.log
WHERE "offset" > (SELECT min(checkpoint) FROM relay_store.generations WHERE status = 'serving')`).Scan(&n)
	if err != nil || n < b.calls {
		return err // it was measured by an earlier run
	}
	projector := live.Projector{
		DB: postgres.Database{DB: b.place.db}, Log: logstore.Reader{}, Controls: logstore.Controls{}, Issues: tables.Issues{},
		Consumer: logstore.NewConsumers(b.place.db, logstore.ConsumersConfig{OnError: func(p string, err error) { fmt.Println(p, err) }}),
	}
	return b.measure("live projections in a backlog", "relay", "calls", n, func() error {
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- projector.Run(running, tables.Projections(b.place.db)) }()
		defer func() { stop(); <-done }()
		return b.place.waitForProjections(ctx)
	})
}
