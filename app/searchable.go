package app

import (
	"context"
	"log/slog"
	"time"
)

// SearchIndex is what finds people at once by the values of their channels, and
// anonymous ids by their events.
type SearchIndex interface {
	// Ensure makes it for what is served, if it is missing. It may take long, and
	// keeps nobody waiting.
	Ensure(ctx context.Context) (made bool, err error)
}

// How often it is looked whether the index is there, and after a failure.
const (
	searchableEvery = 5 * time.Second
	searchableAgain = time.Minute
)

// KeepSearchable makes the index again after each re-projection, until ctx ends.
func KeepSearchable(ctx context.Context, index SearchIndex, logger *slog.Logger) {
	for ctx.Err() == nil {
		pause := searchableEvery
		made, err := index.Ensure(ctx)
		switch {
		case made:
			logger.Debug("people are found by channel values and anonymous ids at once")
		case err != nil && ctx.Err() == nil:
			logger.Warn("people are found by channel values and anonymous ids later", "error", err)
			pause = searchableAgain
		}
		Wait(ctx, pause)
	}
}
