package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"relay/app/lookup"
)

type overviewData struct {
	Status    lookup.Status
	Ingest    string
	Hour, Day chart
	HourLag   chart
	DayLag    chart
	Issues    []lookup.IgnoredIssue
	Empty     bool // whether nothing was ever sent
}

// mostIssues is how many issues the overview shows.
const mostIssues = 5

// overview is how relay stands, and how to send to it.
func (c *Console) overview(r *http.Request) (*page, error) {
	data, err := c.readOverview(r.Context())
	if err != nil {
		return nil, err
	}
	return &page{Status: http.StatusOK, Template: "overview.html", Title: "Overview", Data: data}, nil
}

func (c *Console) readOverview(ctx context.Context) (data overviewData, err error) {
	data.Ingest = c.config.Ingest
	if data.Status, err = c.config.Status.Read(ctx); err != nil {
		return data, err
	}
	if err := c.addCharts(ctx, &data); err != nil {
		return data, err
	}
	if data.Issues, err = c.config.Issues.Issues(ctx); err != nil {
		return data, err
	}
	data.Issues = data.Issues[:min(len(data.Issues), mostIssues)]
	data.Empty = data.Status.Log.Head == 0
	return data, nil
}

// Warm reads once what the first pages read, so that whoever opens them after a
// start does not wait for the disk.
func (c *Console) Warm(ctx context.Context) {
	_, err := c.readOverview(ctx)
	if err == nil {
		_, err = c.config.Events.Names(ctx)
	}
	if err != nil && ctx.Err() == nil {
		c.config.Logger.Debug("the console's first pages are not read ahead", "error", err)
	}
}

// addCharts adds what came in, and how far projections were behind meanwhile. The
// lag of a minute is known when it is over.
func (c *Console) addCharts(ctx context.Context, data *overviewData) error {
	minute, hour := c.config.Now().UTC().Truncate(time.Minute), c.config.Now().UTC().Truncate(time.Hour)
	minutes, err := c.config.Traffic.Traffic(ctx, minute, time.Minute, 60)
	if err != nil {
		return err
	}
	hours, err := c.config.Traffic.Traffic(ctx, hour, time.Hour, 24)
	if err != nil {
		return err
	}
	lagMinutes, err := c.config.Lags.Lags(ctx, minute.Add(-time.Minute), time.Minute, 60)
	if err != nil {
		return err
	}
	lagHours, err := c.config.Lags.Lags(ctx, hour, time.Hour, 24)
	if err != nil {
		return err
	}
	data.Hour, data.Day = newChart(minutes, "a minute, over the last hour"), newChart(hours, "an hour, over the last day")
	data.HourLag, data.DayLag = newLagChart(lagMinutes, "minute, over the last hour"), newLagChart(lagHours, "hour, over the last day")
	return nil
}

// chart is a bar chart of what came in, or of the live lag, for an SVG of chartWidth × chartHeight.
type chart struct {
	Bars       []bar
	Most       int64 // in one step; of a lag, milliseconds
	Says       string
	From, To   time.Time
	Sum, Wrong int64
}

type bar struct {
	X, Y, Width, Height     int
	RefusedY, RefusedHeight int
	Says                    string
}

const (
	chartWidth  = 720
	chartHeight = 120
)

// newChart draws what went into the log, and above it what was rejected.
func newChart(list []lookup.Traffic, per string) chart {
	c := chart{From: list[0].At, To: list[len(list)-1].At, Most: 1}
	for _, t := range list {
		c.Most = max(c.Most, t.Payloads+t.Refused)
		c.Sum += t.Payloads
		c.Wrong += t.Refused
	}
	for i, t := range list {
		says := fmt.Sprintf("%s: %s, %s rejected", when(t.At), plural(t.Payloads, "payload", "payloads"), number(t.Refused))
		c.Bars = append(c.Bars, newBar(i, len(list), scaled(t.Payloads, c.Most), scaled(t.Refused, c.Most), says))
	}
	about := ""
	if c.Sum > lookup.ExactTraffic {
		about = "about "
	}
	c.Says = fmt.Sprintf("Payloads %s: %s%s accepted, %s rejected, %s at most.", per, about, number(c.Sum), number(c.Wrong), number(c.Most))
	if c.Sum+c.Wrong == 0 {
		c.Says, c.Most = "Payloads "+per+": none.", 0
	}
	return c
}

// newBar is the i-th of n bars, with what was rejected on top.
func newBar(i, n, height, refused int, says string) bar {
	step := chartWidth / n
	refused = min(refused, chartHeight-height)
	return bar{
		X: i * step, Width: step - 2, Y: chartHeight - height, Height: height,
		RefusedY: chartHeight - height - refused, RefusedHeight: refused, Says: says,
	}
}

// scaled is a count's height; what is there is seen.
func scaled(n, most int64) int {
	if n == 0 {
		return 0
	}
	return max(int(n*chartHeight/most), 2)
}
