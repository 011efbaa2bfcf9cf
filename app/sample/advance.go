package sample

import (
	"context"
	"maps"

	"relay/app"
	"relay/domain/eventlog"
)

// advanceInPieces advances the batch without keeping a snapshot for long, so that
// little is left to advance in the snapshot in which it is compared.
func (u *subset) advanceInPieces(ctx context.Context, b *batch) error {
	for range 3 { // a second time if the first took long
		var served app.Generation
		err := u.store.DB.InSnapshot(ctx, func(tx app.Tx) (err error) {
			served, err = u.stillServing(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		if reread, err := u.advance(ctx, b, served, u.readInPieces); err != nil || !reread {
			return err
		}
	}
	return nil
}

// advance completes the links, and the states of people in the batch, up to the
// checkpoint of what is served. It reports whether it also had to read parts of the
// log that it had read before.
func (u *subset) advance(ctx context.Context, b *batch, served app.Generation, read reading) (reread bool, err error) {
	if u.linking != nil {
		if reread, err = u.completeLinks(ctx, served.Checkpoint, read); err != nil {
			return reread, err
		}
	}
	if u.projection.PerCall {
		return reread, nil
	}
	since := eventlog.Range{After: u.served.Checkpoint, UpTo: served.Checkpoint}
	if err := u.foldCallsOf(ctx, b, since, u.people, read); err != nil {
		return reread, err
	}
	u.served = served
	if u.linking == nil {
		return reread, nil
	}
	joined := maps.Clone(u.linking.members)
	maps.DeleteFunc(joined, func(id string, _ bool) bool { return u.people[id] })
	maps.Copy(u.people, joined)
	return reread, u.foldCallsOf(ctx, b, u.whole(), joined, read)
}

// foldCallsOf adds the calls of some people in a range to the batch.
func (u *subset) foldCallsOf(ctx context.Context, b *batch, r eventlog.Range, ids map[string]bool, read reading) error {
	if len(ids) == 0 || r.Empty() {
		return nil
	}
	b.accept(ids)
	return read(ctx, r, u.projection.Kinds, ids, func(e *eventlog.Entry) { u.fold(b, e) })
}
