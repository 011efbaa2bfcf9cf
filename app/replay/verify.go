package replay

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
)

// Verified is the outcome of a verification for one projection.
type Verified struct {
	Projection  string           `json:"projection"`
	UpTo        eventlog.Offset  `json:"up_to"` // log offset at which the rows were compared
	Differences int              `json:"differences"`
	Examples    []app.Difference `json:"examples,omitempty"` // at most MaxExamples
	BasedOn     *Basis           `json:"based_on,omitempty"` // of a sample; null: everything was compared
}

// Basis says what a sample consists of.
type Basis struct {
	People int   `json:"people"`
	Calls  int64 `json:"calls"` // that were folded
}

// MaxExamples is how many differences a verification shows for each projection.
const MaxExamples = 20

// Verify rebuilds each of the projections aside, under the timeline in force, and
// compares it row by row with what is being served.
func (c *Checker) Verify(ctx context.Context, chosen []app.Projection) (results []Verified, err error) {
	err = c.aside(ctx, Verification, func(lock BuildLock) error {
		for _, p := range chosen {
			result, err := c.verifyOne(ctx, lock, p)
			err = errors.Join(err, c.Builder.dropUnserved(context.WithoutCancel(ctx), isOfCheck))
			if err != nil {
				return fmt.Errorf("verify %s: %w", p.Name, err)
			}
			results = append(results, result)
		}
		return nil
	})
	return results, err
}

func (c *Checker) verifyOne(ctx context.Context, lock BuildLock, p app.Projection) (Verified, error) {
	result := Verified{Projection: p.Name}
	build := c.Builder.newBuild(lock)
	if err := build.store.DB.InTx(ctx, func(tx app.Tx) error { return build.createCopy(ctx, tx, p) }); err != nil {
		return result, err
	}
	err := build.watched(ctx, func(ctx context.Context) (err error) {
		if err := build.load(ctx); err != nil {
			return err
		}
		result.UpTo, err = build.compare(ctx, build.targets[0], func(tx app.Tx, served, rebuilt int64) error {
			result.Examples, result.Differences, err = build.differences(ctx, tx, p, served, rebuilt)
			return err
		})
		return err
	})
	return result, err
}

// createCopy creates a generation to be built under the timeline in force, up to
// where the served one stands.
func (b *build) createCopy(ctx context.Context, tx app.Tx, p app.Projection) (err error) {
	if b.history, err = app.ReadHistory(ctx, tx, b.store.Controls); err != nil {
		return err
	}
	served, err := b.store.Generations.Serving(ctx, tx, p.Name)
	if err != nil {
		return err
	}
	upTo := served.Checkpoint
	rows, _, err := b.store.LogSize.Size(ctx, tx, p.Under(b.history.Mappings(p.Name, nil).UpTo(upTo)), eventlog.Range{UpTo: upTo})
	if err != nil {
		return err
	}
	b.add(p, upTo, rows)
	return b.create(ctx, tx)
}

// differences compares rows and issues. It returns examples and the number of
// differences.
func (b *build) differences(ctx context.Context, tx app.Tx, p app.Projection, served, rebuilt int64) ([]app.Difference, int, error) {
	rows, n, err := p.Tables.Comparing.Compare(ctx, tx, served, rebuilt, MaxExamples)
	if err != nil {
		return nil, 0, err
	}
	issues, m, err := b.builder.Issues.CompareIssues(ctx, tx, served, rebuilt, MaxExamples)
	if err != nil {
		return nil, 0, err
	}
	return append(rows, issues...), n + m, nil
}
