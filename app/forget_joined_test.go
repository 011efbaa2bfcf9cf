package app_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"relay/app"
	"relay/app/erasure"
	"relay/domain/mapping"
)

// TestForgetWhatOneProjectionJoins: a person is all that people see as theirs,
// also where only one of the projections was brought under a mapping that joins,
// and where ids lead from one to the other.
func TestForgetWhatOneProjectionJoins(t *testing.T) {
	t.Parallel()
	for _, joined := range []string{"events", "profiles"} {
		t.Run(joined, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			w.append(t, at, "/connector/segment", `{"type":"track","userId":"u","anonymousId":"a","event":"E"}`, `{"type":"track","anonymousId":"a","event":"E"}`,
				`{"type":"alias","userId":"u","previousId":"o"}`, `{"type":"identify","userId":"o","traits":{"k":1}}`, `{"type":"track","anonymousId":"b","event":"E"}`)
			w.drain(t)
			spec := mapping.Default()
			spec.Identity = mapping.Join
			w.apply(t, spec)
			w.drain(t)
			w.reproject(t, "beginning", slices.DeleteFunc(slices.Clone(w.all), func(p app.Projection) bool { return p.Name != joined }))
			w.drain(t)
			done, err := w.forgetter().Forget(t.Context(), erasure.Person{ID: "o"})
			if err != nil || done.Calls != 4 {
				t.Errorf("%d calls were erased, %v", done.Calls, err)
			}
			w.drain(t)
			w.verify(t)
			if left := fmt.Sprint(w.rows(t, `SELECT anonymous_id FROM relay.events UNION ALL SELECT distinct_id FROM relay.profiles`)); left != "[b]" {
				t.Errorf("left are %s", left)
			}
		})
	}
}
