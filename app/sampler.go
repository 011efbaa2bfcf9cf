package app

import (
	"context"
	"errors"
	"fmt"

	"relay/domain/eventlog"
)

// Sampler compares a part of what is served with what the log says of it: the
// rows of some people, or of some stretches of the log. It folds only their
// calls and builds nothing that others see, so it can run beside a re-projection.
type Sampler struct {
	*Reprojector
	Scratch  Scratch
	Eraser   LogEraser // to search the log
	People   PeopleFinder
	Messages MessageFinder
	// BatchSize is how many bytes of events are compared at a time; default 16 MiB.
	// Calls with one message id and no row, in two batches, are two differences.
	BatchSize int
}

// Scratch is a database to work things out in.
type Scratch interface {
	// InScratch runs do in a transaction where all statements see one state, and
	// undoes whatever do wrote.
	InScratch(ctx context.Context, do func(tx Tx) error) error
}

// PeopleFinder finds people who have rows.
type PeopleFinder interface {
	// SomePeople returns up to n ids at random; all there are, if n is enough.
	SomePeople(ctx context.Context, tx Tx, generation int64, n int) ([]string, error)
	// SomeLinked is SomePeople for ids from which links lead; the generation joins
	// ids.
	SomeLinked(ctx context.Context, tx Tx, generation int64, n int) ([]string, error)
	// SamePeople returns the ids and those that the links of the generation, which
	// joins ids, say to be the same people's.
	SamePeople(ctx context.Context, tx Tx, generation int64, ids []string) ([]string, error)
}

// MessageFinder finds rows by message id.
type MessageFinder interface {
	// MessageRows returns which rows stand under the message ids.
	MessageRows(ctx context.Context, tx Tx, generation int64, ids []string) (map[string]MessageRow, error)
}

// MessageRow is where a row comes from and whose it is.
type MessageRow struct {
	eventlog.Position
	DistinctID  string // empty: nobody's
	AnonymousID string
}

// Basis is what a comparison of a part is based on.
type Basis struct {
	People int   `json:"people"`
	Calls  int64 `json:"calls"` // that were folded
}

// ErrReplaced is returned where what is compared did not stay as it was.
var ErrReplaced = errors.New("a re-projection, an erasure or a new mapping came between; try again")

// MaxSample is how many people a sample may have: their states are in memory at
// once.
const MaxSample = 100_000

// VerifyPerson compares one person's rows; where mappings join ids, those of all
// ids that are joined to the given one, in what is served or in the log. A call
// of somebody else, with the message id of one of theirs and before it, is known
// by its row; where that is missing, only Verify tells. A row of theirs that
// should be somebody else's is found alone: Verify tells what it should be.
func (s *Sampler) VerifyPerson(ctx context.Context, id string, chosen []Projection) ([]Verified, error) {
	return s.verify(ctx, chosen, func(ctx context.Context, tx Tx, u *subset) error { return u.choosePerson(ctx, tx, id) })
}

// VerifySample compares the rows of about n people at random: their states, and
// the events of stretches of the log that hold calls of as many.
func (s *Sampler) VerifySample(ctx context.Context, n int, chosen []Projection) ([]Verified, error) {
	return s.verify(ctx, chosen, func(ctx context.Context, tx Tx, u *subset) error { return u.chooseSome(ctx, tx, n) })
}

func (s *Sampler) verify(ctx context.Context, chosen []Projection, choose chooser) ([]Verified, error) {
	var results []Verified
	for _, p := range chosen {
		var result Verified
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
		if err = do(); !errors.Is(err, ErrReplaced) {
			return err
		}
	}
	return err
}

func (s *Sampler) verifyOne(ctx context.Context, p Projection, choose chooser) (Verified, error) {
	u, err := s.begin(ctx, p, nil, choose)
	if err != nil {
		return Verified{}, err
	}
	result := Verified{Projection: p.Name}
	err = u.compare(ctx, func(tx Tx, served, rebuilt int64) error {
		rows, n, err := p.Tables.Compare(ctx, tx, served, rebuilt, maxExamples-len(result.Examples))
		result.Differences += n
		result.Examples = append(result.Examples, rows...)
		return err
	})
	result.UpTo, result.BasedOn = u.served.Checkpoint, u.basis()
	return result, err
}
