package app

import (
	"context"
	"log/slog"
	"time"
)

// Expiring is a store whose entries are kept for some time only.
type Expiring interface {
	// DeleteBefore deletes up to limit of the entries received before the time,
	// the oldest first, and returns how many those were.
	DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error)
}

// Kept says how long a store keeps its entries.
type Kept struct {
	Name  string // for people
	Store Expiring
	For   time.Duration // 0: for ever
}

// Retention deletes what was kept long enough: a few entries at a time, so that
// nobody waits for it.
type Retention struct {
	Stores []Kept
	Now    func() time.Time
	Logger *slog.Logger
}

const (
	retentionEvery = time.Minute
	retentionBatch = 500
	retentionPause = 100 * time.Millisecond // between batches
)

// Run deletes what is due, again and again, until ctx ends.
func (r *Retention) Run(ctx context.Context) {
	for ctx.Err() == nil {
		for _, k := range r.Stores {
			if err := r.sweep(ctx, k); err != nil && ctx.Err() == nil {
				r.Logger.Warn("what was kept long enough is deleted later", "what", k.Name, "error", err)
			}
		}
		Wait(ctx, retentionEvery)
	}
}

// sweep deletes all of a store that is due.
func (r *Retention) sweep(ctx context.Context, k Kept) error {
	if k.For == 0 {
		return nil
	}
	before, total := r.Now().Add(-k.For), 0
	for {
		n, err := k.Store.DeleteBefore(ctx, before, retentionBatch)
		total += n
		if err != nil || n < retentionBatch {
			if total > 0 {
				r.Logger.Info("deleted what was kept long enough", "what", k.Name, "entries", total)
			}
			return err
		}
		Wait(ctx, retentionPause)
	}
}
