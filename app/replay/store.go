package replay

import (
	"context"

	"relay/app"
)

// Store is the log and the generations that were made of it. Plans are made from
// it; builds and samples read it.
type Store struct {
	DB          app.Database
	Projections []app.Projection // all that relay has
	Log         app.LogReader
	LogSize     LogSize
	Controls    app.Controls
	Generations app.Generations
}

// projection returns the projection of that name.
func (s Store) projection(name string) (app.Projection, bool) {
	for _, p := range s.Projections {
		if p.Name == name {
			return p, true
		}
	}
	return app.Projection{}, false
}

// unserved returns all generations that people do not query.
func (s Store) unserved(ctx context.Context) (list []app.Generation, err error) {
	err = s.DB.InTx(ctx, func(tx app.Tx) error {
		list, err = s.Generations.Unserved(ctx, tx)
		return err
	})
	return list, err
}
