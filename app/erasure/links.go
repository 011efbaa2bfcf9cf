package erasure

import (
	"context"
	"errors"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/projections"
)

// ErrBehind is returned if nobody can tell yet which ids belong to a person.
var ErrBehind = errors.New("the live projections are behind the log, so nobody can tell yet which ids belong to the person: " +
	"check that relay serve runs, and try again")

// defaultPatience is Forgetter.Patience where it is not set, and linksPause the
// time between two looks at the live projections.
const (
	defaultPatience = 30 * time.Second
	linksPause      = 50 * time.Millisecond
)

// awaitLinks waits until the served generations that join ids have read all that
// the log says of ids at the time of the call.
func (f *Forgetter) awaitLinks(ctx context.Context) error {
	patience := f.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	var head eventlog.Offset
	err := f.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
		head, err = f.Log.Head(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	for began := time.Now(); ; app.Wait(ctx, linksPause) {
		behind, err := f.isBehind(ctx, head)
		switch {
		case err != nil || !behind:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(began) >= patience:
			return ErrBehind
		}
	}
}

// isBehind reports whether, up to the offset, the log says anything of ids that a
// served generation that joins ids has not read.
func (f *Forgetter) isBehind(ctx context.Context, upTo eventlog.Offset) (behind bool, err error) {
	err = f.DB.InSnapshot(ctx, func(tx app.Tx) error {
		served, err := f.Generations.AllServing(ctx, tx)
		for i := 0; err == nil && i < len(served) && !behind; i++ {
			behind, err = f.lacksLinks(ctx, tx, served[i], upTo)
		}
		return err
	})
	return behind, err
}

// errFound ends the reading of a range at its first entry.
var errFound = errors.New("found")

// lacksLinks is isBehind for one generation.
func (f *Forgetter) lacksLinks(ctx context.Context, tx app.Tx, served app.Generation, upTo eventlog.Offset) (bool, error) {
	if served.Checkpoint >= upTo {
		return false, nil
	}
	if joins, err := f.Identities.Joins(ctx, tx, served.ID); err != nil || !joins {
		return false, err
	}
	unread := eventlog.Range{After: served.Checkpoint, UpTo: upTo}
	err := f.Log.Read(ctx, tx, unread, projections.LinkKinds, func(*eventlog.Entry) error { return errFound })
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}
