package app

import (
	"context"
	"errors"
	"fmt"
)

// Setup makes a migrated database ready to be queried: every projection has a
// generation that is served, and the views are there.
type Setup struct {
	DB          Database
	Controls    Controls
	Generations Generations
	Writer      GenerationWriter
	Timelines   Timelines
}

// Ensure sets up what is missing. It may run in several processes at once. With
// refresh the views are made anew, as after a migration.
func (s *Setup) Ensure(ctx context.Context, all []Projection, refresh bool) error {
	missing, err := s.missing(ctx, all)
	if err != nil {
		return err
	}
	if !missing && !refresh {
		return nil
	}
	return RetryLocked(ctx, func() error {
		return s.DB.InTx(ctx, func(tx Tx) error {
			// The log's lock keeps other processes that set up waiting.
			if err := s.Controls.Lock(ctx, tx); err != nil {
				return err
			}
			for _, p := range all {
				if err := s.ensure(ctx, tx, p); err != nil {
					return fmt.Errorf("set up %s: %w", p.Name, err)
				}
			}
			history, err := ReadHistory(ctx, tx, s.Controls)
			if err != nil {
				return err
			}
			return s.Timelines.Save(ctx, tx, history)
		})
	})
}

// missing tells whether any projection has no generation that is served.
func (s *Setup) missing(ctx context.Context, all []Projection) (missing bool, err error) {
	err = s.DB.InTx(ctx, func(tx Tx) error {
		for _, p := range all {
			_, err := s.Generations.Serving(ctx, tx, p.Name)
			if errors.Is(err, ErrNotFound) {
				missing = true
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	return missing, err
}

func (s *Setup) ensure(ctx context.Context, tx Tx, p Projection) error {
	served, err := s.Generations.Serving(ctx, tx, p.Name)
	if errors.Is(err, ErrNotFound) {
		served, err = s.first(ctx, tx, p)
	}
	if err != nil {
		return err
	}
	if err := p.Tables.Views.Serve(ctx, tx, served.ID); err != nil {
		return err
	}
	return p.Tables.Views.Describe(ctx, tx)
}

// first creates a projection's first, empty generation, which then takes in the
// log from its beginning.
func (s *Setup) first(ctx context.Context, tx Tx, p Projection) (Generation, error) {
	id, err := s.Writer.Create(ctx, tx, Generation{Projection: p.Name, Parts: p.Parts})
	if err != nil {
		return Generation{}, err
	}
	if err := p.Tables.Schema.Create(ctx, tx, id, false); err != nil {
		return Generation{}, err
	}
	if err := p.Tables.Schema.Index(ctx, tx, id); err != nil {
		return Generation{}, err
	}
	if err := p.Tables.Schema.Complete(ctx, tx, id); err != nil {
		return Generation{}, err
	}
	if err := s.Writer.SetLoaded(ctx, tx, id); err != nil {
		return Generation{}, err
	}
	return Generation{ID: id, Projection: p.Name}, s.Writer.Promote(ctx, tx, id, 0)
}
