package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"relay/app/replay"
)

// Samples looks at some people: soon, and whatever runs.
type Samples interface {
	// DryRun returns what Reprojections.Start would change of them.
	DryRun(ctx context.Context, request ReprojectionRequest) (replay.Preview, error)
	// Verify compares what is served of them with what the log says.
	Verify(ctx context.Context) ([]replay.Verified, error)
}

type reprojectionsData struct {
	runs
	Check *check // of everything
	// Projections are the names that can be chosen.
	Projections []string
	Request     ReprojectionRequest
	Wrong       string
	Plan        *replay.Plan
	Preview     *replay.Preview
	Verified    []replay.Verified
}

// runs are the last re-projections, the newest first.
type runs struct {
	Current *run // the one that runs, or can be resumed; nil: none
	List    []run
	Former  int // generations that can be gone back to, or removed
}

// run is a row of relay.reprojections.
type run struct {
	ID          int64      `json:"id"`
	Status      string     `json:"status"`
	Phase       string     `json:"phase"`
	Projections []string   `json:"projections"`
	Rebuilt     []string   `json:"rebuilt"`
	Undoes      int64      `json:"undoes"`
	From        int64      `json:"from_offset"`
	Version     int        `json:"mapping_version"`
	StartedAt   time.Time  `json:"started_at"`
	FinishedAt  *time.Time `json:"finished_at"`
	Done        int64      `json:"done"`
	Total       int64      `json:"total"`
	Calls       int64      `json:"calls"`
	PerSecond   float64    `json:"calls_per_second"`
	Issues      int64      `json:"issues"`
	ExpectedAt  *time.Time `json:"expected_at"`
	Error       string     `json:"error"`
	Interrupted bool       `json:"interrupted"` // its process ended while it ran
}

// Shown is the status as people see it.
func (r run) Shown() string {
	if r.Interrupted {
		return "interrupted"
	}
	return r.Status
}

// Rate is how many calls are read a second.
func (r run) Rate() int64 { return int64(r.PerSecond) }

// Seconds is how long it took; "" while it runs.
func (r run) Seconds() string { return secondsText(r.StartedAt, r.FinishedAt) }

func secondsText(started time.Time, finished *time.Time) string {
	if finished == nil {
		return ""
	}
	return strconv.FormatFloat(finished.Sub(started).Seconds(), 'f', 1, 64)
}

func (c *Console) runs(ctx context.Context) (out runs, err error) {
	list, err := c.config.Reprojections.List(ctx)
	if err != nil {
		return out, err
	}
	for _, row := range list {
		var one run
		if err := json.Unmarshal(row, &one); err != nil {
			return out, fmt.Errorf("read a re-projection: %w", err)
		}
		if one.Status == "running" {
			out.Current = &one
		}
		out.List = append(out.List, one)
	}
	out.Former, err = c.config.Former.Former(ctx)
	return out, err
}

func (c *Console) reprojections(r *http.Request) (*page, error) {
	return c.showReprojections(r, http.StatusOK, reprojectionsData{Request: ReprojectionRequest{From: "beginning", MaxBusy: 100}})
}

func (c *Console) showReprojections(r *http.Request, status int, data reprojectionsData) (_ *page, err error) {
	if data.runs, err = c.runs(r.Context()); err != nil {
		return nil, err
	}
	data.Check, data.Projections = c.check(), c.config.Mappings.Projections
	return &page{Status: status, Template: "reprojections.html", Title: "Re-projections", Data: data}, nil
}

// changeReprojections does what the button says.
func (c *Console) changeReprojections(r *http.Request) (*page, error) {
	data := reprojectionsData{Request: ReprojectionRequest{From: "beginning", MaxBusy: 100}}
	if r.PostFormValue("from") != "" {
		load, err := whole(r.PostFormValue("max_load"), "how busy readers may be")
		if err != nil {
			return nil, err
		}
		data.Request = ReprojectionRequest{From: r.PostFormValue("from"), Projection: r.PostFormValue("projection"), MaxBusy: int(load)}
		if text := r.PostFormValue("as_of"); text != "" {
			asOf, err := whole(text, "the plan's last control entry")
			if err != nil {
				return nil, err
			}
			data.Request.AsOf = &asOf
		}
	}
	done, err := c.doReprojection(r, &data)
	return conclude(r, done, err, func(status int, wrong string) (*page, error) {
		data.Wrong = wrong
		return c.showReprojections(r, status, data)
	})
}

// doReprojection returns what to say on the page that comes next, and "" where
// what it found is shown.
func (c *Console) doReprojection(r *http.Request, data *reprojectionsData) (done string, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), previewPatience)
	defer cancel()
	switch what := r.PostFormValue("do"); what {
	case "plan", "dryrun":
		plan, err := c.config.Reprojections.Plan(ctx, data.Request)
		if data.Plan = &plan; err != nil || what == "plan" {
			return "", err
		}
		preview, err := c.config.Samples.DryRun(ctx, data.Request)
		data.Preview = &preview
		return "", err
	case "dryrun-all":
		return "checking", c.config.Checks.StartDryRun(ctx, data.Request)
	case "verify-all":
		return "checking", c.config.Checks.StartVerification(ctx, ReprojectionRequest{})
	case "start":
		_, err = c.config.Reprojections.Start(ctx, data.Request)
		return "started", err
	case "resume":
		_, err = c.config.Reprojections.Resume(ctx)
		return "started", err
	case "undo":
		_, err = c.config.Reprojections.Undo(ctx)
		return "started", err
	case "verify":
		data.Verified, err = c.config.Samples.Verify(ctx)
		return "", err
	case "cancel":
		found, err := c.config.Checks.Cancel(r.Context())
		if !found {
			return "nothing", err
		}
		return "cancelled", err
	case "drop-former":
		if r.PostFormValue("confirm") == "" {
			return "", fmt.Errorf("%w: nothing was removed: tick the box to confirm it", ErrBadRequest)
		}
		_, err = c.config.Former.DropFormer(r.Context())
		return "dropped", err
	default:
		return "", fmt.Errorf("%w: unknown action %q", ErrBadRequest, what)
	}
}

// reprojectionStream sends the check, and the list of re-projections, whenever
// they change.
func (c *Console) reprojectionStream(w http.ResponseWriter, r *http.Request) error {
	last := map[string]string{}
	return c.stream(w, r, func(send func(id, event, data string) error) error {
		part := func(name string, data any) error {
			text, err := fragment("reprojections.html", name, data)
			if before, sent := last[name]; err != nil || sent && text == before {
				return err
			}
			last[name] = text
			return send("", name, text)
		}
		if err := part("check", c.check()); err != nil {
			return err
		}
		list, err := c.runs(r.Context())
		if err != nil {
			return err
		}
		return part("runs", list)
	})
}
