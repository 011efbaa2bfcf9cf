package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// ErrMoved is returned if another process has honoured the delete calls meanwhile.
var ErrMoved = errors.New("another process has honoured the delete calls")

// Deletions keeps up to where the delete calls in the log are honoured.
type Deletions interface {
	// Next returns that offset, and the offsets of up to limit entries after it that
	// hold delete calls, in order.
	Next(ctx context.Context, tx app.Tx, limit int) (checkpoint eventlog.Offset, found []eventlog.Offset, err error)
	// Move moves the checkpoint; ErrMoved if it is not at from any more.
	Move(ctx context.Context, tx app.Tx, from, to eventlog.Offset) error
}

// DeleteFollower honours the delete calls in the log: each erases its person's
// calls up to itself. It may run in several processes at once.
type DeleteFollower struct {
	Forgetter *Forgetter
	Deletions Deletions
	Logger    *slog.Logger
	Every     time.Duration // between two looks at the log; default 1 s
}

// deletesAtOnce is how many entries with delete calls one search of the log
// serves.
const deletesAtOnce = 100

// Run follows the log until ctx ends.
func (d *DeleteFollower) Run(ctx context.Context) {
	every := d.Every
	if every == 0 {
		every = time.Second
	}
	failing := backoff.NewExponentialBackOff()
	failing.InitialInterval, failing.MaxInterval = every, time.Minute
	for ctx.Err() == nil {
		honoured, err := d.Step(ctx)
		switch {
		case err != nil && ctx.Err() == nil && !errors.Is(err, ErrMoved):
			pause := failing.NextBackOff()
			d.Logger.Error("delete calls could not be honoured and will be tried again", "error", err, "in", pause)
			app.Wait(ctx, pause)
		case !honoured:
			failing.Reset()
			app.Wait(ctx, every)
		}
	}
}

// Step honours the next delete calls. It returns false if there were none.
func (d *DeleteFollower) Step(ctx context.Context) (honoured bool, err error) {
	next, err := d.next(ctx)
	if err != nil || next.upTo == next.from {
		return false, err
	}
	move := func(ctx context.Context, tx app.Tx) error { return d.Deletions.Move(ctx, tx, next.from, next.upTo) }
	if len(next.people) == 0 {
		return true, d.Forgetter.DB.InTx(ctx, func(tx app.Tx) error { return move(ctx, tx) })
	}
	people := slices.Collect(maps.Values(next.people))
	done, _, err := d.Forgetter.forget(ctx, task{people: people, alongside: move})
	if err != nil {
		return false, fmt.Errorf("honour the delete calls up to log offset %d: %w", next.upTo, err)
	}
	d.Logger.Info("delete calls were honoured", "people", done.People, "calls", done.Calls, "payloads", done.Payloads)
	return true, nil
}

// deletes are the delete calls after an offset, up to another one.
type deletes struct {
	from, upTo eventlog.Offset   // the same if there are none
	people     map[string]Person // by user id
}

// next reads the next delete calls.
func (d *DeleteFollower) next(ctx context.Context) (deletes, error) {
	next := deletes{people: map[string]Person{}}
	err := d.Forgetter.DB.InSnapshot(ctx, func(tx app.Tx) error {
		from, found, err := d.Deletions.Next(ctx, tx, deletesAtOnce)
		if err != nil {
			return err
		}
		next.from, next.upTo = from, from
		if len(found) > 0 {
			next.upTo = found[len(found)-1]
		}
		var parser segment.Parser
		return app.ReadEach(ctx, tx, d.Forgetter.Log, found, segment.Delete, func(e *eventlog.Entry) error {
			return next.add(&parser, e)
		})
	})
	return next, err
}

// add notes whom an entry's delete calls erase, and up to where. Of a person's
// delete calls, the last counts.
func (d *deletes) add(parser *segment.Parser, e *eventlog.Entry) error {
	payload, err := parser.ParseCut(e.Payload, segment.KindOfRoute(e.Route), e.Erased)
	if err != nil {
		return fmt.Errorf("entry at log offset %d: %w", e.Offset, err)
	}
	for _, c := range payload.Calls {
		if c.Kind == segment.Delete && c.UserID != "" {
			at := eventlog.Position{Offset: e.Offset, Index: int32(c.Index)}
			d.people[c.UserID] = Person{ID: c.UserID, UpTo: at, ReceivedBy: e.ReceivedAt}
		}
	}
	return nil
}
