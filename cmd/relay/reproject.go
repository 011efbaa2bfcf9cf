package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"
	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"relay/app"
)

func reprojectCommand() *cli.Command {
	return &cli.Command{
		Name: "reproject", Usage: "apply the current mapping to the past while traffic goes on",
		Description: "Builds the projections anew beside those being served, under the current mapping from\nFROM on, and switches to them. People query the old rows until then.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "beginning, a log offset, a time of receipt (RFC 3339), or mapping:N"},
			&cli.StringFlag{Name: "projection", Usage: "profiles or events; default: both"},
			&cli.BoolFlag{Name: "plan", Usage: "print what would be rebuilt, and why, and do nothing"},
			&cli.BoolFlag{Name: "dry-run", Usage: "build aside, tell what would change, and change nothing"},
			&cli.BoolFlag{Name: "cancel", Usage: "end the re-projection that runs and remove what it built"}, jsonFlag,
		},
		Action: with(func(c *cli.Context, s *system) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			if c.Bool("cancel") {
				return cancelReprojection(c, s)
			}
			if !c.IsSet("from") {
				return usageError{errors.New("relay reproject needs --from: beginning, a log offset, a time, or mapping:N")}
			}
			chosen, err := s.choose(c.String("projection"))
			if err != nil {
				return err
			}
			return reproject(c, s, c.String("from"), chosen)
		}),
	}
}

func reproject(c *cli.Context, s *system, fromText string, chosen []app.Projection) error {
	from, err := app.ParseFrom(fromText, s.reader)
	if err != nil {
		return usageError{err}
	}
	plan, err := s.reprojector(nil).Plan(c.Context, from, chosen)
	if err != nil {
		return err
	}
	if c.Bool("plan") {
		return printPlan(c, plan)
	}
	if c.Bool("dry-run") {
		return dryRun(c, s, from, chosen)
	}
	for _, step := range plan.Projections {
		say(c, "%s", stepText(step))
	}
	progress := newProgressView(c)
	started := time.Now()
	done, err := s.reprojector(progress.report).Run(c.Context, from, chosen)
	calls := progress.finish()
	if err != nil {
		return fmt.Errorf("%w (the rows that people query are as they were)", err)
	}
	took := time.Since(started)
	if c.Bool("json") {
		return printJSON(c, map[string]any{
			"id": done.ID, "projections": done.Projections, "from_offset": done.From, "mapping_version": done.Version,
			"calls": calls, "seconds": took.Seconds(),
		})
	}
	printText(c, "re-projection %d: %v from log offset %d under mapping version %d: %d calls in %.1f s, %.0f calls/s",
		done.ID, done.Projections, done.From, done.Version, calls, took.Seconds(), float64(calls)/took.Seconds())
	return nil
}

func printPlan(c *cli.Context, plan app.Plan) error {
	if c.Bool("json") {
		return printJSON(c, plan)
	}
	printText(c, "mapping version %d from log offset %d on:", plan.Version, plan.From)
	for _, step := range plan.Projections {
		printText(c, "%s", stepText(step))
	}
	return nil
}

func stepText(step app.PlanStep) string {
	why := strings.Join(step.Why, "; ")
	if !step.Rebuild {
		return fmt.Sprintf("  %s: its rows stay (%s)", step.Projection, why)
	}
	return fmt.Sprintf("  %s: rebuilt from %d log rows with %s calls, %s on disk (%s)",
		step.Projection, step.Rows, step.Kinds, units.BytesSize(float64(step.Bytes)), why)
}

// progressView shows a re-projection's progress: a bar on a terminal, a line
// every few seconds elsewhere.
type progressView struct {
	out io.Writer
	bar *progressbar.ProgressBar // nil where there is no terminal

	mu      sync.Mutex
	started time.Time
	said    time.Time
	last    app.Progress
}

// sayEvery is how often a line is written where there is no terminal.
const sayEvery = 3 * time.Second

func newProgressView(c *cli.Context) *progressView {
	v := &progressView{out: c.App.ErrWriter, started: time.Now(), said: time.Now()}
	if isTerminal(c) {
		v.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(v.out), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionThrottle(200*time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	}
	return v
}

func (v *progressView) report(p app.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	newPhase := p.Phase != v.last.Phase || p.Projection != v.last.Projection
	v.last = p
	if v.bar != nil {
		v.bar.ChangeMax64(max(p.Total, 1))
		v.bar.Describe(fmt.Sprintf("%s, %.0f calls/s", phaseText(p), float64(p.Calls)/max(time.Since(v.started).Seconds(), 0.001)))
		_ = v.bar.Set64(p.Done) // a bar that cannot be drawn is no reason to stop
		return
	}
	if newPhase || time.Since(v.said) > sayEvery {
		v.said = time.Now()
		fmt.Fprintln(v.out, v.line(p))
	}
}

func phaseText(p app.Progress) string {
	if p.Projection == "" {
		return p.Phase
	}
	return p.Phase + " " + p.Projection
}

func (v *progressView) line(p app.Progress) string {
	seconds := time.Since(v.started).Seconds()
	line := fmt.Sprintf("%s: %d of %d log rows, %.0f calls/s", phaseText(p), p.Done, p.Total, float64(p.Calls)/max(seconds, 0.001))
	if p.Done > 0 && p.Done < p.Total {
		left := time.Duration(seconds * float64(p.Total-p.Done) / float64(p.Done) * float64(time.Second))
		line += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return line
}

// finish ends the view and returns how many calls were read.
func (v *progressView) finish() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bar != nil {
		_ = v.bar.Finish()
	}
	return v.last.Calls
}
