package app

import (
	"context"
	"sync"
)

// InWorkers lets n workers do it at once, each told its number, until all are
// done. The first failure ends the context of the others, and is returned.
func InWorkers(ctx context.Context, n int, do func(ctx context.Context, number int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for number := range max(n, 1) {
		wg.Go(func() {
			if err := do(ctx, number); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
