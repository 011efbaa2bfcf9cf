package app

import (
	"context"
	"errors"
)

// InTime returns what do returns, or ErrUnavailable once ctx has ended: a driver
// goes on waiting for a server that is there and answers nothing, not even that
// it was told to stop. What do works on is left to it then.
func InTime[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := do()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done: // it was done just then
		return o.value, o.err
	default:
		var none T
		return none, errors.Join(ErrUnavailable, context.Cause(ctx))
	}
}
