package console

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"relay/app"
	"relay/app/replay"
)

// checking has one check.
type checking struct {
	Checks
	last replay.Check
}

func (c checking) Check() (replay.Check, bool) { return c.last, c.last.Kind != "" }

// TestChecksAreShown: a check's part of the page says how it stands, and what to
// do where it failed; what went wrong is text.
func TestChecksAreShown(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	running := replay.Progress{Phase: replay.PhaseLoading, Projection: "events", Done: 1000, Total: 4000, CallsPerSecond: 2500, Left: 90 * time.Second}
	ended := func(err error) replay.Check {
		return replay.Check{Kind: replay.DryRun, StartedAt: at, EndedAt: at.Add(1500 * time.Millisecond), Progress: running, Found: replay.Found{Preview: &replay.Preview{}}, Err: err}
	}
	for name, c := range map[string]struct {
		last replay.Check
		says []string
	}{
		"none":          {replay.Check{}, nil},
		"running":       {replay.Check{Kind: replay.DryRun, StartedAt: at, Progress: running}, []string{"A dry run of everything is running", "loading events: 1,000 of 4,000 log rows, 2,500 calls/s", "2026-01-31 12:01:30", `value="25"`, `value="cancel"`}},
		"done":          {ended(nil), []string{"The dry run of everything", "2026-01-31 12:00:00", "done after 1.5 s"}},
		"cancelled":     {ended(fmt.Errorf("verify: %w", replay.ErrCancelled)), []string{"cancelled after 1.5 s", "Queries see the same rows as before."}},
		"disk full":     {ended(fmt.Errorf("write: %w", app.ErrDiskFull)), []string{"failed after 1.5 s", "write: ", "Make room"}},
		"database away": {ended(app.ErrDatabase), []string{"the database does not answer", "relay status"}},
		"a lock":        {ended(app.ErrLocked), []string{"Wait for long transactions in the database to end"}},
		"a bug":         {ended(errors.New("<b>cannot happen")), []string{"&lt;b&gt;cannot happen", "Start it again", "relay doctor"}},
	} {
		shown := &Console{config: Config{Checks: checking{last: c.last}, Now: func() time.Time { return at }}}
		part, err := fragment("reprojections.html", "check", shown.check())
		if err != nil {
			t.Fatal(err)
		}
		if len(c.says) == 0 && part != "" {
			t.Errorf("%s: %s", name, part)
		}
		for _, text := range c.says {
			if !strings.Contains(part, text) {
				t.Errorf("%s: no %q in\n%s", name, text, part)
			}
		}
	}
}
