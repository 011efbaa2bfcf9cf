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

// ErrMoved is returned where another process honoured the delete calls meanwhile.
var ErrMoved = errors.New("another process did it")

// Deletions keeps how far the log's delete calls were honoured.
type Deletions interface {
	// Next returns up to where they were, and the offsets of the next payloads that
	// hold some.
	Next(ctx context.Context, tx app.Tx, limit int) (checkpoint eventlog.Offset, found []eventlog.Offset, err error)
	// Move moves the checkpoint; ErrMoved if it is not at from any more.
	Move(ctx context.Context, tx app.Tx, from, to eventlog.Offset) error
}

// DeleteFollower honours the delete calls in the log: each erases its person up
// to itself. It may run in several processes at once.
type DeleteFollower struct {
	Forgetter *Forgetter
	Deletions Deletions
	Logger    *slog.Logger
	Every     time.Duration // between two looks at the log; default 1 s
}

// deletesAtOnce is how many payloads with delete calls one search of the log
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
			wait := failing.NextBackOff()
			d.Logger.Error("delete calls could not be honoured and will be tried again", "error", err, "in", wait)
			app.Rest(ctx, wait)
		case !honoured:
			failing.Reset()
			app.Rest(ctx, every)
		}
	}
}

// Step honours the next delete calls, if there are any, and tells whether there
// were.
func (d *DeleteFollower) Step(ctx context.Context) (bool, error) {
	var from eventlog.Offset
	var found []eventlog.Offset
	persons := map[string]Person{}
	err := d.Forgetter.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
		if from, found, err = d.Deletions.Next(ctx, tx, deletesAtOnce); err != nil {
			return err
		}
		var parser segment.Parser
		return app.ReadEach(ctx, tx, d.Forgetter.Log, found, segment.Delete, func(e *eventlog.Entry) error {
			return noteDeleted(&parser, e, persons)
		})
	})
	if err != nil || len(found) == 0 {
		return false, err
	}
	move := func(ctx context.Context, tx app.Tx) error {
		return d.Deletions.Move(ctx, tx, from, found[len(found)-1])
	}
	if len(persons) == 0 {
		return true, d.Forgetter.DB.InTx(ctx, func(tx app.Tx) error { return move(ctx, tx) })
	}
	list := slices.Collect(maps.Values(persons))
	done, err := d.Forgetter.Forget(ctx, list, false, move)
	if err != nil {
		return false, fmt.Errorf("honour the delete calls up to log offset %d: %w", found[len(found)-1], err)
	}
	d.Logger.Info("delete calls were honoured", "persons", done.Persons, "calls", done.Calls, "payloads", done.Payloads)
	return true, nil
}

// noteDeleted notes whom an entry's delete calls erase, and up to where.
func noteDeleted(parser *segment.Parser, e *eventlog.Entry, persons map[string]Person) error {
	payload, err := parser.ParseCut(e.Payload, segment.KindOfRoute(e.Route), e.Erased)
	if err != nil {
		return fmt.Errorf("entry at log offset %d: %w", e.Offset, err)
	}
	for _, c := range payload.Calls {
		if c.Kind == segment.Delete && c.UserID != "" {
			at := eventlog.Position{Offset: e.Offset, Index: int32(c.Index)}
			persons[c.UserID] = Person{ID: c.UserID, UpTo: at, ReceivedBy: e.ReceivedAt}
		}
	}
	return nil
}
