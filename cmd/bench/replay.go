package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"

	"relay/adapters/eventlog"
	"relay/adapters/postgres"
	"relay/app"
	domain "relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/domain/profile"
	"relay/domain/segment"
	"relay/projections"
)

// allKinds are the kinds of every payload.
const allKinds = segment.Identify | segment.Track

// reading measures how fast the log is read.
func (b *bench) reading(ctx context.Context) error {
	const what = "read the log"
	if err := b.exec(ctx, `VACUUM ANALYZE relay.log`); err != nil {
		return err
	}
	database := postgres.Database{DB: b.db}
	err := b.measure(what, "relay, one reader", "rows", b.calls, func() error {
		return database.InSnapshot(ctx, func(tx app.Tx) error {
			return eventlog.Reader{}.Read(ctx, tx, domain.Range{UpTo: 1 << 60}, allKinds, func(*domain.Entry) error { return nil })
		})
	})
	if err != nil {
		return err
	}
	if err := b.copyOut(ctx, what); err != nil {
		return err
	}
	return b.defaultSubscriber(ctx, what)
}

// copyOut is psql's binary COPY of the whole log.
func (b *bench) copyOut(ctx context.Context, what string) error {
	psql, err := exec.LookPath("psql")
	if err != nil {
		return nil // one way less to compare with
	}
	return b.measure(what, "psql binary COPY OUT", "rows", b.calls, func() error {
		command := exec.CommandContext(ctx, psql, b.url, "-qc", `COPY (SELECT * FROM relay.log) TO STDOUT (FORMAT binary)`)
		command.Stdout = io.Discard
		return command.Run()
	})
}

// defaultSubscriber is Watermill's default subscriber on as many messages as
// its publisher wrote before.
func (b *bench) defaultSubscriber(ctx context.Context, what string) error {
	const few = 20_000
	subscriber, err := watermillsql.NewSubscriber(watermillsql.BeginnerFromStdSQL(b.plainDB()), watermillsql.SubscriberConfig{
		ConsumerGroup: "bench", SchemaAdapter: watermillsql.DefaultPostgreSQLSchema{},
		OffsetsAdapter: watermillsql.DefaultPostgreSQLOffsetsAdapter{}, InitializeSchema: true,
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	defer subscriber.Close()
	messages, err := subscriber.Subscribe(ctx, peerTopic)
	if err != nil {
		return err
	}
	n := min(few, b.calls)
	return b.measure(what, "Watermill's default", "rows", n, func() error {
		for range n {
			select {
			case m := <-messages:
				m.Ack()
			case <-time.After(time.Minute):
				return fmt.Errorf("no message for a minute")
			}
		}
		return nil
	})
}

func (b *bench) allProjections() []app.Projection {
	return []app.Projection{
		{Name: projections.Profiles, Kinds: projections.ProfilesKinds, Parts: projections.ProfilesParts(), NewFold: func(parts []string) projections.Fold { return projections.NewProfilesFold(parts) }, Tables: postgres.NewProfiles(b.db), Depends: projections.ProfilesDepend},
		{Name: projections.Events, Kinds: projections.EventsKinds, Parts: []string{projections.PartEvents}, NewFold: func([]string) projections.Fold { return projections.NewEventsFold() }, Tables: postgres.Events{DB: b.db}, Depends: projections.EventsDepend},
	}
}

func (b *bench) projector() *app.Projector {
	return &app.Projector{
		DB: postgres.Database{DB: b.db}, Log: eventlog.Reader{}, Controls: eventlog.Controls{}, Generations: postgres.Generations{},
		Consumer: eventlog.NewConsumers(b.db, eventlog.ConsumersConfig{OnError: func(p string, err error) { fmt.Println(p, err) }}),
	}
}

// setUp makes the first generations.
func (b *bench) setUp(ctx context.Context) error {
	setup := app.Setup{DB: postgres.Database{DB: b.db}, Controls: eventlog.Controls{}, Generations: postgres.Generations{}, Timelines: postgres.Timelines{}}
	return setup.Ensure(ctx, b.allProjections(), false)
}

// projecting measures the live projections on a backlog.
func (b *bench) projecting(ctx context.Context) error {
	all := b.allProjections()
	if err := b.setUp(ctx); err != nil {
		return err
	}
	return b.measure("live projections in a backlog", "relay", "calls", b.calls, func() error {
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- b.projector().Run(running, all) }()
		defer func() { stop(); <-done }()
		for {
			status, err := postgres.Statuses{DB: b.db}.Read(ctx)
			if err != nil {
				return err
			}
			if caughtUp(status) {
				return nil
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func caughtUp(status app.Status) bool {
	for _, p := range status.Projections {
		if p.Checkpoint < status.Log.Head {
			return false
		}
	}
	return true
}

// rebuilding measures re-projections of the whole log.
func (b *bench) rebuilding(ctx context.Context) error {
	if err := b.setUp(ctx); err != nil {
		return err
	}
	database := postgres.Database{DB: b.db}
	all := b.allProjections()
	withChannel, withPrefix := mapping.Default(), mapping.Default()
	withChannel.Channels[profile.SlackEmail] = []string{"slack_email"}
	withPrefix.Channels[profile.SlackEmail], withPrefix.EventPrefix = []string{"slack_email"}, "segment : "
	for _, choice := range []struct {
		way    string
		chosen []app.Projection
		change *mapping.Spec // applied before; nil: everything is rebuilt as it is
	}{
		{"profiles and events", all, nil}, {"profiles", all[:1], nil}, {"events", all[1:], nil},
		{"after a channel change", all, &withChannel}, {"after a prefix change", all, &withPrefix},
	} {
		if err := b.apply(ctx, choice.change); err != nil {
			return err
		}
		reprojector := app.Reprojector{
			DB: database, All: all, Log: eventlog.Reader{}, LogSize: eventlog.Reader{}, Live: postgres.Statuses{DB: b.db}, Controls: eventlog.Controls{},
			Generations: postgres.Generations{}, Reprojections: postgres.Reprojections{DB: b.db}, Timelines: postgres.Timelines{}, Erasures: postgres.Erasures{},
			Builder: &app.Builder{DB: database, Log: eventlog.Reader{}, Workers: 2}, Projector: b.projector(), Logger: slog.Default(),
			Report: phases(),
		}
		from, err := app.ParseFrom("beginning", eventlog.Reader{})
		if err != nil {
			return err
		}
		err = b.measure("re-project the whole log", choice.way, "calls", b.calls, func() error {
			_, err := reprojector.Run(ctx, from, choice.chosen)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) apply(ctx context.Context, spec *mapping.Spec) error {
	if spec == nil {
		return nil
	}
	mappings := app.Mappings{DB: postgres.Database{DB: b.db}, Controls: eventlog.Controls{}, Timelines: postgres.Timelines{}, Now: time.Now}
	_, err := mappings.Apply(ctx, *spec, "")
	return err
}

// phases prints how long each phase took.
func phases() func(app.Progress) {
	started, last := time.Now(), app.Progress{}
	return func(p app.Progress) {
		if p.Phase != last.Phase || p.Projection != last.Projection {
			if last.Phase != "" {
				slog.Info("phase", "projection", last.Projection, "phase", last.Phase, "took", time.Since(started).Round(time.Millisecond))
			}
			started, last = time.Now(), p
		}
	}
}
