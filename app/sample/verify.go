package sample

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/app/replay"
)

// VerifyPerson compares one person's rows. If mappings join ids, it compares the
// rows of all ids that are joined to the given one, by what is served or by the
// log.
//
// It reads no calls of other people. So it knows an earlier call of another person
// with the same message id only by that call's row; only a full Verify finds the
// call if the row is missing. A row that belongs to another person is reported as
// surplus; only a full Verify shows the right owner.
func (s *Sampler) VerifyPerson(ctx context.Context, id string, chosen []app.Projection) ([]replay.Verified, error) {
	return s.verify(ctx, chosen, choosePerson(id))
}

// VerifySample compares the states of about n people at random, and the events of
// random stretches of the log that hold calls of about n people.
func (s *Sampler) VerifySample(ctx context.Context, n int, chosen []app.Projection) ([]replay.Verified, error) {
	return s.verify(ctx, chosen, chooseSome(n))
}

// verify compares, for each projection, the part that choose picks.
func (s *Sampler) verify(ctx context.Context, chosen []app.Projection, choose chooser) ([]replay.Verified, error) {
	var results []replay.Verified
	for _, p := range chosen {
		var result replay.Verified
		err := retryReplaced(func() (err error) {
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

// triesIfReplaced is how often a comparison is tried.
const triesIfReplaced = 5

// retryReplaced tries again when what do compares was replaced meanwhile.
func retryReplaced(do func() error) (err error) {
	for range triesIfReplaced {
		if err = do(); !errors.Is(err, app.ErrReplaced) {
			return err
		}
	}
	return err
}

func (s *Sampler) verifyOne(ctx context.Context, p app.Projection, choose chooser) (replay.Verified, error) {
	u, err := s.newSubset(ctx, p, nil, choose)
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
