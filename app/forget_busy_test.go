package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"relay/app"
	"relay/app/erasure"
	"relay/domain/mapping"
)

// hookedErasures calls hook when a try of an erasure begins, before its first lock.
type hookedErasures struct {
	app.Erasures
	hook func()
}

func (h hookedErasures) Lock(ctx context.Context, tx app.Tx) error {
	h.hook()
	return h.Erasures.Lock(ctx, tx)
}

// TestForgetWhileMuchHappens: what makes a preparation useless is prepared again
// without locks, a few times at most; then all is done under them. Whatever
// happened before the last try, nothing of the person is left.
func TestForgetWhileMuchHappens(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		happens func(t *testing.T, w *world, n int)
		times   int
		tries   int
	}{
		"nothing":          {otherID(at), 0, 2}, // the first one lacks a count
		"another id":       {otherID(at), 1, 3},
		"ever more ids":    {otherID(at), 9, 4},
		"another link":     {otherLink(at), 1, 3},
		"ever more links":  {otherLink(at), 9, 4},
		"a mapping":        {otherMapping, 2, 3},
		"ever new mapping": {otherMapping, 9, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := worldOfTwo(t)
			f, tries := w.forgetter(), 0
			f.Erasures = hookedErasures{f.Erasures, func() {
				if tries++; tries <= c.times {
					c.happens(t, w, tries)
				}
			}}
			if _, err := f.Forget(t.Context(), erasure.Person{ID: "u"}); err != nil || tries != c.tries {
				t.Errorf("%d tries, want %d; %v", tries, c.tries, err)
			}
			if left := w.rows(t, `SELECT convert_from(payload, 'UTF8') FROM relay.payloads WHERE convert_from(payload, 'UTF8') ~ '"u"|"a[0-9]"'`); len(left) > 0 {
				t.Errorf("left in the log: %v", left)
			}
			w.drain(t)
			w.verify(t)
			if seen := fmt.Sprint(w.rows(t, `SELECT count || ' ' || example_offset FROM relay.issues WHERE detail LIKE 'trait phone: %'`)); seen != "[1 3]" {
				t.Errorf("of the issue are left: %s", seen)
			}
		})
	}
}

// worldOfTwo returns a world that joins ids and in which u and v raise the same
// issue, u first. v owns the anonymous ids s1 to s9.
func worldOfTwo(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	spec := mapping.Default()
	spec.Identity = mapping.Join
	w.apply(t, spec)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, id := range []string{"u", "v"} {
		w.append(t, at, "/connector/segment", fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{"phone":"none"}}`, id))
	}
	for n := range 9 {
		w.append(t, at, "/connector/segment", fmt.Sprintf(`{"type":"track","event":"E","userId":"v","anonymousId":"s%d"}`, n+1))
	}
	w.drain(t)
	return w
}

// otherID gives u one more anonymous id.
func otherID(at time.Time) func(*testing.T, *world, int) {
	return func(t *testing.T, w *world, n int) {
		w.append(t, at, "/connector/segment", fmt.Sprintf(`{"type":"track","event":"E","userId":"u","anonymousId":"a%d"}`, n),
			fmt.Sprintf(`{"type":"track","event":"E","anonymousId":"a%d"}`, n))
		w.drain(t)
	}
}

// otherLink lets u claim an id that is v's, and stays so.
func otherLink(at time.Time) func(*testing.T, *world, int) {
	return func(t *testing.T, w *world, n int) {
		w.append(t, at, "/connector/segment", fmt.Sprintf(`{"type":"track","event":"E","userId":"u","anonymousId":"s%d"}`, n))
		w.drain(t)
	}
}

// otherMapping applies another mapping, after which counts are of no use.
func otherMapping(t *testing.T, w *world, n int) {
	spec := prefixed(fmt.Sprintf("%d: ", n))
	spec.Identity = mapping.Join
	w.apply(t, spec)
}

// lockedGenerations cannot be read, once, where locked is true.
type lockedGenerations struct {
	app.Generations
	locked *bool
}

func (l lockedGenerations) AllServing(ctx context.Context, tx app.Tx) ([]app.Generation, error) {
	if *l.locked {
		*l.locked = false
		return nil, app.ErrLocked
	}
	return l.Generations.AllServing(ctx, tx)
}

// TestForgetWhereSearchIsLocked: if the log cannot be searched again because of
// somebody else's lock, the erasure begins again with what it had found.
func TestForgetWhereSearchIsLocked(t *testing.T) {
	t.Parallel()
	w := worldOfTwo(t)
	f, locked, tries := w.forgetter(), false, 0
	f.Generations = lockedGenerations{f.Generations, &locked}
	f.Erasures = hookedErasures{f.Erasures, func() {
		if tries++; tries == 1 {
			otherID(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))(t, w, 1)
			locked = true // for the search that this makes necessary
		}
	}}
	if _, err := f.Forget(t.Context(), erasure.Person{ID: "u"}); err != nil || locked {
		t.Errorf("%v; another search was made: %t", err, !locked)
	}
	w.drain(t)
	w.verify(t)
	if left := w.rows(t, `SELECT convert_from(payload, 'UTF8') FROM relay.payloads WHERE convert_from(payload, 'UTF8') ~ '"u"|"a[0-9]"'`); len(left) > 0 {
		t.Errorf("left in the log: %v", left)
	}
}
