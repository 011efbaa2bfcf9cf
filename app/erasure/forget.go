package erasure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"relay/app"
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

// LogEraser rewrites payloads. But for it, the log is append-only.
type LogEraser interface {
	// Rewrite replaces the payload, the kinds and the list of erased calls of the
	// entry at e.Offset.
	Rewrite(ctx context.Context, tx app.Tx, e *eventlog.Entry) error
}

// RejectedEraser erases persons from the rejected store.
type RejectedEraser interface {
	// Erase deletes the bodies received up to an instant, 0 for all, that hold the
	// id as a text or number of its own, and returns how many.
	Erase(ctx context.Context, tx app.Tx, id string, upTo segment.Instant) (int, error)
}

// Reprojections tells what retired a generation.
type Reprojections interface {
	// ControlOf returns the offset of the control entry with which a
	// re-projection took effect; app.ErrNotFound if there is no such one.
	ControlOf(ctx context.Context, tx app.Tx, reprojection int64) (eventlog.Offset, error)
}

// Issues keeps what the folds of generations ignored.
type Issues interface {
	// ReadIssues returns what a generation's fold ignored, but for what the
	// database could not hold.
	ReadIssues(ctx context.Context, tx app.Tx, generation int64) (projections.Issues, error)
	// SetIssues replaces what ReadIssues returns.
	SetIssues(ctx context.Context, tx app.Tx, generation int64, issues projections.Issues) error
}

// Forgetter erases persons: their rows from all generations, their calls from
// the payloads in the log, rejected bodies that name them. A person's calls are
// those of all ids that any served projection joins to the person's id. What is
// served stays what a replay of the log gives.
type Forgetter struct {
	DB            app.Database
	All           []app.Projection
	Log           app.LogReader
	Searcher      app.LogSearcher
	Eraser        LogEraser
	Controls      app.Controls
	Generations   app.Generations
	Issues        Issues
	Reprojections Reprojections
	Erasures      app.Erasures
	Rejected      RejectedEraser
	Identities    Identities
	// Patience is how long to wait until what is served knows whose ids are whose;
	// default 30 s.
	Patience time.Duration
}

// Forget erases the persons. The log is searched without a lock; then one
// transaction holds the live projections where they are, looks at what came
// since, and erases. alongside, if set, runs in that transaction. suppressed
// says whether what the persons send from now on is dropped.
func (f *Forgetter) Forget(ctx context.Context, persons []Person, suppressed bool, alongside func(context.Context, app.Tx) error) (Forgotten, error) {
	done, _, err := f.forget(ctx, persons, suppressed, alongside)
	return done, err
}

// forget is Forget, and returns the persons' groups too.
func (f *Forgetter) forget(ctx context.Context, persons []Person, suppressed bool, alongside func(context.Context, app.Tx) error) (Forgotten, []Group, error) {
	if err := f.awaitLinks(ctx); err != nil {
		return Forgotten{}, nil, err
	}
	s, err := f.search(ctx, persons)
	if err != nil {
		return Forgotten{}, nil, err
	}
	var e *erasure
	err = app.RetryLocked(ctx, func() (err error) {
		for ahead := 0; ; ahead++ {
			e = &erasure{search: s, persons: persons, alongside: alongside, mayTryAgain: ahead < maxAhead}
			e.result.Persons, e.result.Suppressed = len(persons), suppressed
			err = f.DB.InTx(ctx, func(tx app.Tx) error { return e.run(ctx, tx) })
			switch {
			case errors.Is(err, errSearchAhead):
				s, err = f.search(ctx, persons)
			case errors.Is(err, errCountAhead):
				err = s.countAhead(ctx, e.wanted, e.controls)
			default:
				return err
			}
			if err != nil {
				return err
			}
		}
	})
	if err != nil {
		return Forgotten{}, nil, err
	}
	return e.result, e.groups, nil
}

// search searches the log for the persons, as they are served, without a lock.
func (f *Forgetter) search(ctx context.Context, persons []Person) (*search, error) {
	groups, err := f.servedGroups(ctx, persons)
	if err != nil {
		return nil, err
	}
	s := newSearch(f, persons, groups)
	if err := s.all(ctx); err != nil {
		return nil, fmt.Errorf("search the log: %w", err)
	}
	return s, nil
}

// errSearchAhead ends a try of an erasure when other ids are the persons' than
// were searched for: a search takes too long to hold live projections.
var errSearchAhead = errors.New("the log has to be searched for other ids")

// erasure is one try of a Forgetter, in one transaction.
type erasure struct {
	*search
	persons   []Person
	alongside func(context.Context, app.Tx) error
	targets   []*target
	result    Forgotten

	controls    eventlog.Offset // the last control entry
	mayTryAgain bool            // whether what takes long may be done before another try
	wanted      []*target       // that need a recount
}

// run takes its locks in an order that nobody else turns round: the erasures',
// the generations', the log's.
func (e *erasure) run(ctx context.Context, tx app.Tx) error {
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
	if err := e.lookAgain(ctx, tx, head); err != nil {
		return err
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

// lookAgain looks at what came since the search. Where that makes other ids the
// persons', or counts for what stands before, all is searched anew: ahead of
// another try, or in the last one under its locks.
func (e *erasure) lookAgain(ctx context.Context, tx app.Tx, head eventlog.Offset) error {
	groups, err := e.Forgetter.groups(ctx, tx, e.served(), e.persons)
	if err != nil {
		return err
	}
	anew := !slices.EqualFunc(groups, e.groups, Group.equal)
	if !anew {
		if anew, err = e.through(ctx, tx, head); err != nil {
			return fmt.Errorf("search what came since: %w", err)
		}
	}
	switch {
	case !anew:
		return nil
	case e.mayTryAgain:
		return errSearchAhead
	}
	e.search = newSearch(e.Forgetter, e.persons, groups)
	if _, err := e.through(ctx, tx, head); err != nil {
		return fmt.Errorf("search the log: %w", err)
	}
	return nil
}

// served returns the generations that people query.
func (e *erasure) served() (ids []int64) {
	for _, t := range e.targets {
		if t.Status == app.Serving {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// cut cuts the persons' calls out of a payload.
func (e *erasure) cut(ctx context.Context, tx app.Tx, offset eventlog.Offset) error {
	var before, after eventlog.Entry
	calls := 0
	err := app.ReadEach(ctx, tx, e.Log, []eventlog.Offset{offset}, app.AllKinds, func(entry *eventlog.Entry) (err error) {
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
func (e *erasure) record(ctx context.Context, tx app.Tx) error {
	for i, p := range e.persons {
		for _, id := range e.groups[i].all() {
			n, err := e.Rejected.Erase(ctx, tx, id, p.ReceivedBy)
			if err != nil {
				return err
			}
			e.result.Rejected += n
		}
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
