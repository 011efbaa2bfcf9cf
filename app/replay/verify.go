package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"relay/app"
	"relay/domain/eventlog"
)

// Verifier proves that what is being served is what the log says: it rebuilds
// aside and compares row by row.
type Verifier struct {
	*Reprojector
}

// Verified is the outcome for one projection.
type Verified struct {
	Projection  string           `json:"projection"`
	UpTo        eventlog.Offset  `json:"up_to"` // log offset at which the two were compared
	Differences int              `json:"differences"`
	Examples    []app.Difference `json:"examples,omitempty"`
	BasedOn     *Basis           `json:"based_on,omitempty"` // null: all there is
}

// MaxExamples is how many differences are shown for each projection.
const MaxExamples = 20

// Verify compares each of the projections with a rebuild.
func (v *Verifier) Verify(ctx context.Context, chosen []app.Projection) ([]Verified, error) {
	claim, err := v.Locks.Claim(ctx, Verification)
	if err != nil {
		return nil, err
	}
	defer claim.Release()
	if err := v.dropAside(ctx); err != nil {
		return nil, err
	}
	var results []Verified
	for _, p := range chosen {
		result, err := v.verifyOne(ctx, claim, p)
		err = errors.Join(err, v.dropAside(context.WithoutCancel(ctx)))
		if err != nil {
			return results, fmt.Errorf("verify %s: %w", p.Name, err)
		}
		results = append(results, result)
	}
	return results, nil
}

func (v *Verifier) verifyOne(ctx context.Context, claim BuildLock, p app.Projection) (Verified, error) {
	run := newRun(v.Reprojector, claim)
	run.chosen = []app.Projection{p}
	if err := v.DB.InTx(ctx, func(tx app.Tx) error { return run.prepareAside(ctx, tx, p) }); err != nil {
		return Verified{}, err
	}
	var result Verified
	err := run.watched(ctx, func(ctx context.Context) error {
		if err := run.load(ctx); err != nil {
			return err
		}
		return app.RetryLocked(ctx, func() (err error) {
			if err := run.catchUp(ctx); err != nil {
				return err
			}
			result, err = v.compare(ctx, run, p)
			return err
		})
	})
	return result, err
}

// prepareAside creates a generation that is rebuilt under the very timeline
// that is being served.
func (r *run) prepareAside(ctx context.Context, tx app.Tx, p app.Projection) (err error) {
	if r.history, err = app.ReadHistory(ctx, tx, r.Controls); err != nil {
		return err
	}
	served, err := r.Generations.Serving(ctx, tx, p.Name)
	if err != nil {
		return err
	}
	r.head = served.Checkpoint
	joined := p.Under(r.history.Mappings(p.Name, nil).UpTo(r.head))
	rows, _, err := r.LogSize.Size(ctx, tx, joined, eventlog.Range{UpTo: r.head})
	if err != nil {
		return err
	}
	r.progress.expect(rows)
	return r.createGenerations(ctx, tx)
}

// compare compares the rebuilt generation with the served one.
func (v *Verifier) compare(ctx context.Context, r *run, p app.Projection) (result Verified, err error) {
	result.Projection = p.Name
	result.UpTo, err = v.inStep(ctx, r, p, func(tx app.Tx, served, rebuilt int64) error {
		return v.compareAll(ctx, tx, p, served, rebuilt, &result)
	})
	return result, err
}

// inStep brings the rebuilt generation to where the served one stands, and
// calls do in a snapshot that was taken while neither could move.
func (r *Reprojector) inStep(ctx context.Context, run *run, p app.Projection, do func(tx app.Tx, served, rebuilt int64) error) (upTo eventlog.Offset, err error) {
	run.progress.phase(ctx, p.Name, PhaseComparing)
	rebuilt := run.generation(p)
	locked, release := make(chan eventlog.Offset), make(chan struct{})
	holding := make(chan error, 1)
	go func() { holding <- r.hold(ctx, p, locked, release) }()
	select {
	case err := <-holding:
		return 0, err
	case upTo = <-locked:
	}
	letGo := sync.OnceFunc(func() { close(release) })
	defer letGo()
	err = r.DB.InTx(ctx, func(tx app.Tx) error { return run.lastStep(ctx, tx, p, rebuilt, upTo) })
	if err != nil {
		return upTo, err
	}
	return upTo, r.DB.InSnapshot(ctx, func(tx app.Tx) error {
		served, err := r.Generations.Serving(ctx, tx, p.Name) // takes the snapshot
		letGo()
		if err = errors.Join(err, <-holding); err != nil {
			return err
		}
		return do(tx, served.ID, rebuilt)
	})
}

// hold keeps the served generation where it stands until release is closed.
func (r *Reprojector) hold(ctx context.Context, p app.Projection, locked chan<- eventlog.Offset, release <-chan struct{}) error {
	return r.DB.InTx(ctx, func(tx app.Tx) error {
		served, err := r.Generations.LockServing(ctx, tx, p.Name)
		if err != nil {
			return err
		}
		locked <- served.Checkpoint
		<-release
		return nil
	})
}

// generation returns the generation that is built for the projection.
func (r *run) generation(p app.Projection) int64 {
	for _, g := range r.built {
		if g.Projection == p.Name {
			return g.ID
		}
	}
	return 0
}

// compareAll compares rows, and what was ignored on the way to them.
func (v *Verifier) compareAll(ctx context.Context, tx app.Tx, p app.Projection, served, rebuilt int64, result *Verified) error {
	rows, n, err := p.Tables.Comparing.Compare(ctx, tx, served, rebuilt, MaxExamples)
	if err != nil {
		return err
	}
	issues, m, err := v.Issues.CompareIssues(ctx, tx, served, rebuilt, MaxExamples)
	if err != nil {
		return err
	}
	result.Differences, result.Examples = n+m, append(rows, issues...)
	return nil
}

// Basis is what a comparison of a part is based on.
type Basis struct {
	People int   `json:"people"`
	Calls  int64 `json:"calls"` // that were folded
}
