package lookupstore

import (
	"testing"
	"time"

	"relay/adapters/postgres/postgrestest"

	"relay/app"
)

// TestLags: of a minute the greatest lag counts, minutes make hours, and the
// oldest are deleted first.
func TestLags(t *testing.T) {
	t.Parallel()
	lags := Lags{DB: postgrestest.OpenMigrated(t)}
	hour := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, save := range []struct {
		minute int
		lag    time.Duration
	}{{-61, time.Hour}, {-60, 3 * time.Second}, {-1, 0}, {0, time.Second}, {0, 2 * time.Second}, {0, 1500 * time.Millisecond}, {59, 500 * time.Millisecond}, {60, time.Minute}} {
		if err := lags.Save(t.Context(), hour.Add(time.Duration(save.minute)*time.Minute), save.lag); err != nil {
			t.Fatal(err)
		}
	}
	check := func(step time.Duration, want ...app.Lag) {
		t.Helper()
		got, err := lags.Lags(t.Context(), hour, step, len(want))
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].At = hour.Add(-time.Duration(len(want)-1-i) * step)
			if got[i] != want[i] {
				t.Errorf("step %v, %d: %+v, want %+v", step, i, got[i], want[i])
			}
		}
	}
	check(time.Minute, app.Lag{}, app.Lag{Served: true}, app.Lag{Most: 2 * time.Second, Served: true})
	check(time.Hour, app.Lag{}, app.Lag{Most: time.Hour, Served: true}, app.Lag{Most: 3 * time.Second, Served: true}, app.Lag{Most: 2 * time.Second, Served: true})
	for want := 2; want >= 0; want -= 2 {
		if n, err := lags.DeleteBefore(t.Context(), hour.Add(-time.Minute), 5); err != nil || n != want {
			t.Errorf("%d are deleted, want %d: %v", n, want, err)
		}
	}
	if n, err := lags.DeleteBefore(t.Context(), hour.Add(time.Hour), 1); err != nil || n != 1 {
		t.Errorf("%d are deleted, want 1: %v", n, err)
	}
	check(time.Minute, app.Lag{}, app.Lag{}, app.Lag{Most: 2 * time.Second, Served: true})
}
