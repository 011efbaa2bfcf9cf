package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// Person is whose calls are erased.
type Person struct {
	ID string
	// UpTo is the position of the last call that is erased; calls after it are
	// new. The zero position: all that are in the log.
	UpTo eventlog.Position
	// ReceivedBy is UpTo for rejected bodies; 0: all of them.
	ReceivedBy segment.Instant
}

// Forgotten tells what an erasure amounted to.
type Forgotten struct {
	eventlog.Forgotten
	Offset eventlog.Offset `json:"log_offset"` // of the control entry; 0: there was nothing to erase
}

// RejectedEraser erases persons from the rejected store.
type RejectedEraser interface {
	// Erase deletes the bodies received up to an instant, 0 for all, that hold the
	// id as a text or number of its own, and returns how many.
	Erase(ctx context.Context, tx Tx, id string, upTo segment.Instant) (int, error)
}

// ErrForgetJoined is returned where mappings join ids: what others contribute to
// a person, and whom ids belong to once a claim is gone, is not taken apart yet.
var ErrForgetJoined = errors.New("erasing a person under identity: join is not supported yet")

// Forgetter erases persons: their rows from all generations, their calls from
// the payloads in the log, rejected bodies that name them. What is served stays
// what a replay of the log gives.
type Forgetter struct {
	DB            Database
	All           []Projection
	Log           LogReader
	Eraser        LogEraser
	Controls      Controls
	Generations   Generations
	Reprojections Reprojections
	Erasures      Erasures
	Rejected      RejectedEraser
}

// Forget erases the persons. The log is searched without a lock; then one
// transaction holds the live projections where they are, looks at what came
// since, and erases. alongside, if set, runs in that transaction. suppressed
// says whether what the persons send from now on is dropped.
func (f *Forgetter) Forget(ctx context.Context, persons []Person, suppressed bool, alongside func(context.Context, Tx) error) (Forgotten, error) {
	if err := f.refuseJoined(ctx); err != nil {
		return Forgotten{}, err
	}
	s := newSearch(f, persons)
	if err := s.all(ctx); err != nil {
		return Forgotten{}, fmt.Errorf("search the log: %w", err)
	}
	var e *erasure
	err := retryLocked(ctx, func() (err error) {
		for ahead := 0; ; ahead++ {
			e = &erasure{search: s, persons: persons, alongside: alongside, mayCountAhead: ahead < maxCountsAhead}
			e.result.Persons, e.result.Suppressed = len(persons), suppressed
			if err = f.DB.InTx(ctx, func(tx Tx) error { return e.run(ctx, tx) }); !errors.Is(err, errCountAhead) {
				return err
			}
			if err := s.countAhead(ctx, e.wanted, e.controls); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return Forgotten{}, err
	}
	return e.result, nil
}

// refuseJoined returns ErrForgetJoined before the log is searched for nothing.
func (f *Forgetter) refuseJoined(ctx context.Context) error {
	return f.DB.InSnapshot(ctx, func(tx Tx) error {
		history, err := ReadHistory(ctx, tx, f.Controls)
		for _, p := range f.All {
			if err == nil && history.Mappings(p.Name, nil).UpTo(history.Head).Joined {
				err = ErrForgetJoined
			}
		}
		return err
	})
}

// erasure is one try of a Forgetter, in one transaction.
type erasure struct {
	*search
	persons   []Person
	alongside func(context.Context, Tx) error
	targets   []*target
	result    Forgotten

	controls      eventlog.Offset // the last control entry
	mayCountAhead bool            // whether a recount may be made before another try
	wanted        []*target       // that need one
}

// run takes its locks in an order that nobody else turns round: the erasures',
// the generations', the log's.
func (e *erasure) run(ctx context.Context, tx Tx) error {
	if err := e.Erasures.Lock(ctx, tx); err != nil {
		return err
	}
	if err := e.lockGenerations(ctx, tx); err != nil {
		return err
	}
	head, err := e.Log.Head(ctx, tx)
	if err != nil {
		return err
	}
	if err := e.through(ctx, tx, head); err != nil {
		return fmt.Errorf("search what came since: %w", err)
	}
	for _, offset := range slices.Sorted(maps.Keys(e.entries)) {
		if err := e.cut(ctx, tx, offset); err != nil {
			return fmt.Errorf("erase from the payload at log offset %d: %w", offset, err)
		}
	}
	for _, t := range e.targets {
		if err := e.eraseFrom(ctx, tx, t); err != nil && !errors.Is(err, errCountAhead) {
			return fmt.Errorf("erase from generation %d of %s: %w", t.ID, t.Projection, err)
		}
	}
	if len(e.wanted) > 0 {
		return errCountAhead
	}
	if err := e.record(ctx, tx); err != nil || e.alongside == nil {
		return err
	}
	return e.alongside(ctx, tx)
}

// cut cuts the persons' calls out of a payload.
func (e *erasure) cut(ctx context.Context, tx Tx, offset eventlog.Offset) error {
	var before, after eventlog.Entry
	calls := 0
	err := readEach(ctx, tx, e.Log, []eventlog.Offset{offset}, allKinds, func(entry *eventlog.Entry) (err error) {
		before = *entry
		before.Payload = slices.Clone(entry.Payload)
		after, calls, err = e.without(&before)
		return err
	})
	if err != nil || calls == 0 {
		return err
	}
	e.result.Calls += calls
	e.result.Payloads++
	for _, t := range e.targets {
		t.lose(&before, &after)
	}
	return e.Eraser.Rewrite(ctx, tx, &after)
}

// record deletes rejected bodies and writes the control entry. The log's lock is
// taken last, so that ingest waits for nothing but this.
func (e *erasure) record(ctx context.Context, tx Tx) error {
	for _, p := range e.persons {
		n, err := e.Rejected.Erase(ctx, tx, p.ID, p.ReceivedBy)
		if err != nil {
			return err
		}
		e.result.Rejected += n
	}
	if e.result.Calls == 0 && e.result.Rejected == 0 && !e.result.Suppressed {
		return nil
	}
	if err := e.Controls.Lock(ctx, tx); err != nil {
		return err
	}
	said := e.result.Forgotten
	offset, err := e.Controls.Append(ctx, tx, eventlog.Control{Forgotten: &said})
	e.result.Offset = offset
	return err
}

// messageKinds are the calls of which a message id makes one row at most.
const messageKinds = projections.EventsKinds &^ segment.Unusable
