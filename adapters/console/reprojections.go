package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"relay/app/replay"
)

// Reprojections plans and runs re-projections. Texts are those of the command
// line's flags.
type Reprojections interface {
	// Plan returns what Start would do.
	Plan(ctx context.Context, request ReprojectionRequest) (replay.Plan, error)
	// Start, Resume and Undo return when the run is under way.
	Start(ctx context.Context, request ReprojectionRequest) (replay.Reprojection, error)
	Resume(ctx context.Context) (replay.Reprojection, error)
	Undo(ctx context.Context) (replay.Reprojection, error)
	// List returns the last ones, the newest first, as relay.reprojections has
	// them.
	List(ctx context.Context) ([]json.RawMessage, error)
}

// Checks verifies, and runs dry, over all rows.
type Checks interface {
	// StartVerification and StartDryRun return when the check is under way, or has
	// ended. A verification ignores where the request begins.
	StartVerification(ctx context.Context, request ReprojectionRequest) error
	StartDryRun(ctx context.Context, request ReprojectionRequest) error
	// Check returns the check that runs, or ran last if nothing was started since;
	// false: there is none.
	Check() (replay.Check, bool)
	// Cancel ends the check or the re-projection that runs, returns when nothing is
	// left of it, and reports whether there was one.
	Cancel(ctx context.Context) (bool, error)
}

// FormerGenerations are those that were served before the last re-projection.
type FormerGenerations interface {
	// Former returns how many generations Undo could go back to.
	Former(ctx context.Context) (int, error)
	// DropFormer removes them, and returns how many there were.
	DropFormer(ctx context.Context) (int, error)
}

// ReprojectionRequest is the body of a request to plan or start one.
type ReprojectionRequest struct {
	From       string `json:"from"`       // as --from
	Projection string `json:"projection"` // profiles, events, or empty for both
	MaxBusy    int    `json:"max_load"`   // percent of the time that its readers work; 0 is 100
	// AsOf of the plan that the operator was shown: another plan is not started. nil:
	// none was shown.
	AsOf *int64 `json:"as_of"`
}

// ErrBadRequest is wrapped by errors about what a request says.
var ErrBadRequest = errors.New("bad request")

func (c *Console) reprojectionRoutes(mux *router) {
	mux.handleFunc("GET /api/reprojections", func(w http.ResponseWriter, r *http.Request) {
		list, err := c.config.Reprojections.List(r.Context())
		answer(w, http.StatusOK, list, err)
	})
	mux.handleFunc("POST /api/reprojections", change(func(r *http.Request, request ReprojectionRequest) (any, error) {
		return c.config.Reprojections.Start(r.Context(), request)
	}))
	mux.handleFunc("POST /api/reprojections/plan", change(func(r *http.Request, request ReprojectionRequest) (any, error) {
		return c.config.Reprojections.Plan(r.Context(), request)
	}))
	mux.handleFunc("POST /api/reprojections/resume", change(func(r *http.Request, _ ReprojectionRequest) (any, error) {
		return c.config.Reprojections.Resume(r.Context())
	}))
	mux.handleFunc("POST /api/reprojections/undo", change(func(r *http.Request, _ ReprojectionRequest) (any, error) {
		return c.config.Reprojections.Undo(r.Context())
	}))
	mux.handleFunc("POST /api/reprojections/cancel", change(func(r *http.Request, _ ReprojectionRequest) (any, error) {
		found, err := c.config.Checks.Cancel(r.Context())
		return map[string]bool{"cancelled": found}, err
	}))
	mux.handleFunc("POST /api/reprojections/drop-former", change(func(r *http.Request, _ ReprojectionRequest) (any, error) {
		dropped, err := c.config.Former.DropFormer(r.Context())
		return map[string]int{"dropped": dropped}, err
	}))
}

// change answers a request that may change something.
func change(do func(r *http.Request, request ReprojectionRequest) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request ReprojectionRequest
		if r.ContentLength != 0 {
			decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&request); err != nil {
				answer(w, 0, nil, errors.Join(ErrBadRequest, err))
				return
			}
		}
		result, err := do(r, request)
		answer(w, http.StatusOK, result, err)
	}
}

// answer writes a result, or an error with the status that fits it.
func answer(w http.ResponseWriter, status int, result any, err error) {
	if err == nil {
		writeJSON(w, status, result)
		return
	}
	writeJSON(w, statusOf(err), map[string]string{"error": err.Error()})
}
