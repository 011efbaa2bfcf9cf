package replay

import (
	"testing"
	"time"

	"relay/app"
)

// TestLiveBehind: workers pause for live projections that move and lag, and not for
// those that stand still.
func TestLiveBehind(t *testing.T) {
	t.Parallel()
	start := time.Now()
	behind := func(seconds int) app.Live { return app.Live{Checkpoint: 7, Lag: time.Duration(seconds) * time.Second} }
	var w liveWatch
	for _, step := range []struct {
		after time.Duration
		live  app.Live
		want  bool
		why   string
	}{
		{0, behind(20), false, "they were not seen to move yet"},
		{watchEvery, behind(20), false, "they did not move"},
		{2 * watchEvery, app.Live{Checkpoint: 8, Lag: time.Second}, true, "they moved and are behind"},
		{3 * watchEvery, app.Live{Checkpoint: 9, Lag: lagAllowed}, false, "they are hardly behind"},
		{4 * watchEvery, app.Live{Checkpoint: 9, Lag: time.Second}, true, "they moved a moment ago"},
		{4*watchEvery + lagIsStalled, app.Live{Checkpoint: 9, Lag: time.Minute}, false, "they have stood still"},
		{5*watchEvery + lagIsStalled, app.Live{}, false, "there is nothing to project"},
		{6*watchEvery + lagIsStalled, app.Live{Lag: time.Second}, true, "they had projected all a moment ago"},
	} {
		w.look(step.live, start.Add(step.after))
		if got := w.behind(); got != step.want {
			t.Errorf("after %s workers pause for them: %t, and %s", step.after, got, step.why)
		}
	}
}
