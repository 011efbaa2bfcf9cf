package console

import (
	"fmt"
	"time"

	"relay/app"
)

// leastLag is what a full bar stands for at least: below it there is nothing to
// worry about, and bars stay low.
const leastLag = time.Second

// newLagChart draws the greatest lag of each stretch; where relay did not serve
// there is no bar.
func newLagChart(list []app.Lag, each string) chart {
	c := chart{From: list[0].At, To: list[len(list)-1].At}
	most, recorded := time.Duration(0), false
	for _, l := range list {
		most, recorded = max(most, l.Most), recorded || l.Served
	}
	c.Most = max(most, leastLag).Milliseconds()
	for i, l := range list {
		says := when(l.At) + ": not recorded"
		if l.Served {
			says = when(l.At) + ": " + lagText(l.Most) + " behind at most"
		}
		c.Bars = append(c.Bars, newBar(i, len(list), scaled(l.Most.Milliseconds(), c.Most), 0, says))
	}
	c.Says = "Live lag, the greatest of each " + each + ": " + lagText(most) + " at most."
	if !recorded {
		c.Says = "Live lag, of each " + each + ": not recorded yet."
	}
	return c
}

// lagText is a lag for people.
func lagText(lag time.Duration) string {
	switch {
	case lag < time.Second:
		return fmt.Sprintf("%d ms", lag.Milliseconds())
	case lag < time.Minute:
		return fmt.Sprintf("%.1f s", lag.Seconds())
	}
	return lag.Round(time.Second).String()
}
