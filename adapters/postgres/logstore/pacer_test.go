package logstore

import (
	"testing"
	"time"
)

// TestPace: at once while the log holds more, a moment after its end was
// reached, a longer one beside a rebuild, and longer and longer while it is idle.
func TestPace(t *testing.T) {
	t.Parallel()
	config := ConsumersConfig{Pause: 20 * time.Millisecond, PauseBesideBuild: 200 * time.Millisecond, MaxIdle: 50 * time.Millisecond}.withDefaults()
	p := newPacer(config, "events")
	after := func(idle, more bool) time.Duration {
		p.next = expectation{more: more}
		return p.HandleError(nil, idle, nil)
	}
	for i, c := range []struct {
		idle, more bool
		want       time.Duration
	}{
		{true, false, time.Millisecond}, {true, false, 2 * time.Millisecond}, {true, false, 4 * time.Millisecond},
		{false, true, 0}, {false, true, 0}, {false, false, 20 * time.Millisecond},
		{true, false, 40 * time.Millisecond}, {true, false, 50 * time.Millisecond}, {true, false, 50 * time.Millisecond},
		{false, false, 20 * time.Millisecond}, {false, true, 0}, {true, false, time.Millisecond},
	} {
		if got := after(c.idle, c.more); got != c.want {
			t.Errorf("step %d: a pause of %s, want %s", i, got, c.want)
		}
	}
	for _, c := range []struct {
		more bool
		want time.Duration
	}{{true, 0}, {false, 200 * time.Millisecond}} {
		p.next = expectation{more: c.more, building: true}
		if got := p.HandleError(nil, false, nil); got != c.want {
			t.Errorf("beside a rebuild: a pause of %s, want %s", got, c.want)
		}
	}
}
