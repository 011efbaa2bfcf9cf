package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"relay/app/replay"
)

// progressView shows a re-projection's progress: a bar on a terminal, a line
// every few seconds elsewhere.
type progressView struct {
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar // from the first report on; nil without a terminal

	mu      sync.Mutex
	printed time.Time // when the last line was
	last    replay.Progress
}

// printEvery is how often a line is written where there is no terminal.
const printEvery = 3 * time.Second

func newProgressView(c *cli.Context) *progressView {
	return &progressView{out: c.App.ErrWriter, terminal: isTerminal(c), printed: time.Now()}
}

// newBar returns a bar, which draws itself from now on.
func newBar(out io.Writer) *progressbar.ProgressBar {
	return progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
}

func (v *progressView) report(p replay.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	newPhase := p.Phase != v.last.Phase || p.Projection != v.last.Projection
	v.last = p
	if v.terminal {
		if v.bar == nil {
			v.bar = newBar(v.out)
		}
		v.bar.ChangeMax64(max(p.Total, 1))
		v.bar.Describe(barText(p))
		_ = v.bar.Set64(p.Done) // a bar that cannot be drawn is no reason to stop
		return
	}
	if newPhase || time.Since(v.printed) > printEvery {
		v.printed = time.Now()
		fmt.Fprintln(v.out, v.line(p))
	}
}

// barText stands before the bar, which itself shows rows and the remaining time.
func barText(p replay.Progress) string {
	text := fmt.Sprintf("%s, %.0f calls/s", phaseText(p), p.CallsPerSecond)
	if p.Issues > 0 {
		text += fmt.Sprintf(", %d issues", p.Issues)
	}
	text += fmt.Sprintf(", live %.1f s behind", p.Live.Lag.Seconds())
	if p.Waiting != nil {
		text = fmt.Sprintf("waiting (%v); %s", p.Waiting, text)
	}
	return text
}

func phaseText(p replay.Progress) string {
	if p.Projection == "" {
		return p.Phase
	}
	return p.Phase + " " + p.Projection
}

// line is the whole progress in one line, a wait and its cause first.
func (v *progressView) line(p replay.Progress) string {
	line := fmt.Sprintf("%s: %d of %d log rows, %.0f calls/s", phaseText(p), p.Done, p.Total, p.CallsPerSecond)
	if p.Left > 0 {
		line += fmt.Sprintf(", about %s left to read the log", p.Left.Round(time.Second))
	}
	if p.Issues > 0 {
		line += fmt.Sprintf(", %d issues", p.Issues)
	}
	if p.Live.RowsPerSecond >= 1 || p.Live.Lag > 0 {
		line += fmt.Sprintf("; live: %.0f rows/s, %.1f s behind", p.Live.RowsPerSecond, p.Live.Lag.Seconds())
	}
	if p.Waiting != nil {
		line = fmt.Sprintf("waiting (%v); %s", p.Waiting, line)
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
