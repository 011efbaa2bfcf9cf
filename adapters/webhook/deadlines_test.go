package webhook

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestDeadlines: a context ends no earlier than asked for and at most a grain
// later, whoever asked for it before.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		longest := time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(r, "longest"))
		waits := rapid.SliceOfN(rapid.Int64Range(0, int64(longest)), 1, 20).Draw(r, "waits")
		lefts := rapid.SliceOfN(rapid.Int64Range(0, int64(longest)), len(waits), len(waits)).Draw(r, "lefts")
		synctest.Test(t, func(*testing.T) {
			d := newDeadlines(longest)
			for i, wait := range waits {
				time.Sleep(time.Duration(wait))
				asked, left := time.Now(), time.Duration(lefts[i])
				ctx := d.in(left)
				end, _ := ctx.Deadline()
				if late := end.Sub(asked) - left; late < 0 || late > d.grain {
					r.Errorf("a context for %s ends after %s", left, end.Sub(asked))
				}
				go func() {
					<-ctx.Done()
					if !time.Now().Equal(end) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
						r.Errorf("it ended at %s with %v, not at %s", time.Now(), ctx.Err(), end)
					}
				}()
			}
			time.Sleep(2 * longest)
		})
	})
}

// TestDeadlinesAreShared: requests of one moment do not have a timer each.
func TestDeadlinesAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDeadlines(4 * time.Second)
		first := d.in(4 * time.Second)
		if d.in(4*time.Second) != first || d.in(3950*time.Millisecond) != first {
			t.Error("two contexts for times that end together")
		}
		if d.in(3*time.Second) == first {
			t.Error("one context for times that end apart")
		}
		time.Sleep(5 * time.Second)
	})
}
