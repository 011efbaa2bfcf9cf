package erasure

import (
	"context"
	"time"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// Person says whose calls are erased, and up to where.
type Person struct {
	ID string // a user id
	// UpTo is the position of the last call that is erased; later calls stay. The
	// zero position: all calls in the log are erased.
	UpTo eventlog.Position
	// ReceivedBy is the instant up to which rejected bodies are deleted; 0: all.
	ReceivedBy segment.Instant
}

// Forgotten says how much was erased.
type Forgotten struct {
	// The figures are embedded since the JSON form has them on one level.
	eventlog.Forgotten
	Offset eventlog.Offset `json:"log_offset"` // of the control entry; 0: there was nothing to erase
}

// LogEraser rewrites payloads. But for it, the log is append-only.
type LogEraser interface {
	// Rewrite replaces the payload, the kinds and the list of erased calls of the
	// entry at e.Offset.
	Rewrite(ctx context.Context, tx app.Tx, e *eventlog.Entry) error
}

// RejectedEraser deletes rejected bodies.
type RejectedEraser interface {
	// Erase deletes the bodies that contain the id as a text or number of its own
	// and were received at upTo or before; upTo 0: all of them. It returns how many
	// it deleted.
	Erase(ctx context.Context, tx app.Tx, id string, upTo segment.Instant) (int, error)
}

// Reprojections finds the control entries of re-projections.
type Reprojections interface {
	// ControlOf returns the offset of the control entry with which a re-projection
	// took effect; app.ErrNotFound if there is none.
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

// Forgetter erases people: their rows from all generations, their calls from the
// payloads in the log, and the rejected bodies that contain their ids. The calls
// of a person are those of all ids that any served projection joins to the
// person's id. After an erasure, what is served is still what a replay of the log
// gives.
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
	// Patience is how long an erasure waits until the served projections know which
	// ids belong to whom; default 30 s.
	Patience time.Duration
}

// Forget erases the people together. It returns ErrBehind if the live projections
// do not catch up in time with what the log says of ids; nothing is erased then.
func (f *Forgetter) Forget(ctx context.Context, people ...Person) (Forgotten, error) {
	done, _, err := f.forget(ctx, task{people: people})
	return done, err
}

// task is what one erasure is asked to do.
type task struct {
	people     []Person
	suppressed bool // the control entry says that later calls of the people are dropped
	// alongside, if set, runs in the transaction that erases, as its last step.
	alongside func(context.Context, app.Tx) error
}

// maxPreparations is how often the log is searched, or issues are counted, again
// after a try that lacked it. Other erasures that go on all the while can make
// each preparation useless; the try after the last one does all under its locks.
const maxPreparations = 3

// forget prepares an erasure without locks, and then tries it. A try that lacks
// something erases nothing and says what it lacks: that is prepared, again
// without locks, and another try is made. forget returns the groups that were
// erased too, in the order of the people.
func (f *Forgetter) forget(ctx context.Context, t task) (Forgotten, []Group, error) {
	if err := f.awaitLinks(ctx); err != nil {
		return Forgotten{}, nil, err
	}
	found, err := f.search(ctx, t.people)
	if err != nil {
		return Forgotten{}, nil, err
	}
	var last *try
	err = app.RetryLocked(ctx, func() error {
		for prepared := 0; ; prepared++ {
			last = f.newTry(t, found, prepared < maxPreparations)
			lacking, err := last.run(ctx)
			if err != nil || lacking.nothing() {
				return err
			}
			next, err := f.prepare(ctx, t.people, found, lacking)
			if err != nil {
				return err // found stays, for the next call
			}
			found = next
		}
	})
	if err != nil {
		return Forgotten{}, nil, err
	}
	return last.done, last.found.groups, nil
}
