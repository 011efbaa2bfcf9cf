package console

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/app"
)

// TestLagChartsFit: whatever the lag was, bars stay within the chart, a lag is
// seen, and what was not recorded is not taken for none.
func TestLagChartsFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := make([]app.Lag, rapid.SampledFrom([]int{24, 60}).Draw(t, "n"))
		recorded := false
		for i := range list {
			if list[i].Served = rapid.Bool().Draw(t, "served"); list[i].Served {
				list[i].Most = time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "lag"))
				recorded = true
			}
		}
		c := newLagChart(list, "minute")
		for i, b := range c.Bars {
			if b.X < 0 || b.X+b.Width > chartWidth || b.Height < 0 || b.Y < 0 || b.Y+b.Height != chartHeight {
				t.Fatalf("bar %d: %+v", i, b)
			}
			if list[i].Most >= time.Millisecond && b.Height == 0 || strings.Contains(b.Says, "not recorded") == list[i].Served {
				t.Fatalf("bar %d of %v: %+v", i, list[i], b)
			}
		}
		if strings.Contains(c.Says, "not recorded") == recorded {
			t.Fatalf("it says %q", c.Says)
		}
	})
	for lag, want := range map[time.Duration]string{0: "0 ms", 350 * time.Millisecond: "350 ms", 1234 * time.Millisecond: "1.2 s", 200 * time.Second: "3m20s"} {
		if got := lagText(lag); got != want {
			t.Errorf("%v: %q, want %q", lag, got, want)
		}
	}
}
