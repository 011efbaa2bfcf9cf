package sample

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/app/replay"
)

// Sampler compares a part of what is served with what the log says of it: the
// rows of some people, or of some stretches of the log. It folds only their
// calls and builds nothing that others see, so it can run beside a re-projection.
type Sampler struct {
	*replay.Reprojector
	Scratch  Scratch
	Searcher app.LogSearcher
	Numbers  ScratchNumbers
	Links    LinkFinder
	// BatchSize is how many bytes of events are compared at a time; default 16 MiB.
	// Calls with one message id and no row, in two batches, are two differences.
	BatchSize int
}

// Scratch is a database to work things out in.
type Scratch interface {
	// InScratch runs do in a transaction where all statements see one state, and
	// undoes whatever do wrote.
	InScratch(ctx context.Context, do func(tx app.Tx) error) error
}

// ScratchNumbers gives numbers to scratch generations.
type ScratchNumbers interface {
	// ScratchNumber returns a number that no generation has or will have.
	ScratchNumber(ctx context.Context, tx app.Tx) (int64, error)
}

// LinkFinder finds ids by the links of a generation that joins ids.
type LinkFinder interface {
	// SomeLinked returns up to n ids at random from which links lead; all there are,
	// if n is enough. app.ErrReplaced if the generation is gone.
	SomeLinked(ctx context.Context, tx app.Tx, generation int64, n int) ([]string, error)
	// SamePeople returns the ids and those that the links say to be the same
	// people's. app.ErrReplaced if the generation is gone.
	SamePeople(ctx context.Context, tx app.Tx, generation int64, ids []string) ([]string, error)
}

// MaxSample is how many people a sample may have: their states are in memory at
// once.
const MaxSample = 100_000

// VerifyPerson compares one person's rows; where mappings join ids, those of all
// ids that are joined to the given one, in what is served or in the log. A call
// of somebody else, with the message id of one of theirs and before it, is known
// by its row; where that is missing, only Verify tells. A row of theirs that
// should be somebody else's is found alone: Verify tells what it should be.
func (s *Sampler) VerifyPerson(ctx context.Context, id string, chosen []app.Projection) ([]replay.Verified, error) {
	return s.verify(ctx, chosen, func(ctx context.Context, tx app.Tx, u *subset) error { return u.choosePerson(ctx, tx, id) })
}

// VerifySample compares the rows of about n people at random: their states, and
// the events of stretches of the log that hold calls of as many.
func (s *Sampler) VerifySample(ctx context.Context, n int, chosen []app.Projection) ([]replay.Verified, error) {
	return s.verify(ctx, chosen, func(ctx context.Context, tx app.Tx, u *subset) error { return u.chooseSome(ctx, tx, n) })
}

func (s *Sampler) verify(ctx context.Context, chosen []app.Projection, choose chooser) ([]replay.Verified, error) {
	var results []replay.Verified
	for _, p := range chosen {
		var result replay.Verified
		err := s.steadily(func() (err error) {
			result, err = s.verifyOne(ctx, p, choose)
			return err
		})
		if err != nil {
			return results, fmt.Errorf("verify %s: %w", p.Name, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// steadily does again what was disturbed.
func (s *Sampler) steadily(do func() error) (err error) {
	for range 5 {
		if err = do(); !errors.Is(err, app.ErrReplaced) {
			return err
		}
	}
	return err
}

func (s *Sampler) verifyOne(ctx context.Context, p app.Projection, choose chooser) (replay.Verified, error) {
	u, err := s.begin(ctx, p, nil, choose)
	if err != nil {
		return replay.Verified{}, err
	}
	result := replay.Verified{Projection: p.Name}
	err = u.compare(ctx, func(tx app.Tx, served, rebuilt int64) error {
		rows, n, err := p.Tables.Comparing.Compare(ctx, tx, served, rebuilt, replay.MaxExamples-len(result.Examples))
		result.Differences += n
		result.Examples = append(result.Examples, rows...)
		return err
	})
	result.UpTo, result.BasedOn = u.served.Checkpoint, u.basis()
	return result, err
}
