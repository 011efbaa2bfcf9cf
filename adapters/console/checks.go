package console

import (
	"errors"
	"net/http"
	"time"

	"relay/app"
	"relay/app/replay"
)

// check is a verification or a dry run of everything, as the page and programs
// see it.
type check struct {
	Kind       string            `json:"kind"`   // verification, dry run
	Status     string            `json:"status"` // running, done, cancelled, failed
	Phase      string            `json:"phase"`
	Projection string            `json:"projection,omitempty"` // at hand
	StartedAt  time.Time         `json:"started_at"`
	FinishedAt *time.Time        `json:"finished_at"`
	Done       int64             `json:"done"` // log rows
	Total      int64             `json:"total"`
	Calls      int64             `json:"calls"`
	PerSecond  float64           `json:"calls_per_second"`
	Issues     int64             `json:"issues"`
	ExpectedAt *time.Time        `json:"expected_at"` // when all will be read
	Error      string            `json:"error,omitempty"`
	Advice     string            `json:"advice,omitempty"`
	Verified   []replay.Verified `json:"verified,omitempty"`
	Preview    *replay.Preview   `json:"preview,omitempty"`
}

// Rate is how many calls are read a second.
func (c check) Rate() int64 { return int64(c.PerSecond) }

// Seconds is how long it took; "" while it runs.
func (c check) Seconds() string { return secondsText(c.StartedAt, c.FinishedAt) }

func (c *Console) checkRoutes(mux *router) {
	mux.handleFunc("POST /api/reprojections/verify", change(func(r *http.Request, request ReprojectionRequest) (any, error) {
		if err := c.config.Checks.StartVerification(r.Context(), request); err != nil {
			return nil, err
		}
		return c.check(), nil
	}))
	mux.handleFunc("POST /api/reprojections/dry-run", change(func(r *http.Request, request ReprojectionRequest) (any, error) {
		if err := c.config.Checks.StartDryRun(r.Context(), request); err != nil {
			return nil, err
		}
		return c.check(), nil
	}))
	mux.handleFunc("GET /api/reprojections/check", func(w http.ResponseWriter, _ *http.Request) {
		if current := c.check(); current != nil {
			answer(w, http.StatusOK, current, nil)
			return
		}
		answer(w, 0, nil, notFound("a verification or dry run of everything"))
	})
}

// check returns the check that runs, or what the last one found; nil: there is
// none.
func (c *Console) check() *check {
	last, ok := c.config.Checks.Check()
	if !ok {
		return nil
	}
	p := last.Progress
	view := &check{
		Kind: last.Kind, Status: "done", Phase: p.Phase, Projection: p.Projection, StartedAt: last.StartedAt, Done: p.Done, Total: p.Total,
		Calls: p.Calls, PerSecond: p.CallsPerSecond, Issues: p.Issues, Verified: last.Found.Verified, Preview: last.Found.Preview,
	}
	if last.EndedAt.IsZero() {
		view.Status = "running"
		if p.Left > 0 {
			at := c.config.Now().Add(p.Left)
			view.ExpectedAt = &at
		}
		return view
	}
	view.FinishedAt = &last.EndedAt
	if last.Err != nil {
		view.Status, view.Error, view.Advice, view.Preview = "failed", last.Err.Error(), advice(last.Err), nil
	}
	if errors.Is(last.Err, replay.ErrCancelled) {
		view.Status, view.Error, view.Advice = "cancelled", "", "Queries see the same rows as before."
	}
	return view
}

// advice is what to do after a check that failed.
func advice(err error) string {
	do := "Start it again. If it fails again, run relay doctor."
	switch {
	case errors.Is(err, app.ErrDiskFull):
		do = "Make room on the database's disk, about as much as the projections take, and start it again."
	case errors.Is(err, app.ErrDatabase):
		do = "Check with relay status that the database answers, and start it again."
	case errors.Is(err, app.ErrLocked):
		do = "Wait for long transactions in the database to end, and start it again."
	}
	return "Queries see the same rows as before. " + do + " A new start also removes what this one left."
}
