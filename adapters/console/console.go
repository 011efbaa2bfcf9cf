// Package console is the admin listener: what operators and their tools ask of
// a running relay over HTTP, as pages for people and as JSON for programs. It
// asks use cases and ports of app, and knows no SQL.
package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"relay/app"
	"relay/app/erasure"
	"relay/app/ingest"
	"relay/app/lookup"
)

// Config says what the console shows and what it changes things with.
type Config struct {
	Status        lookup.StatusReader
	Metrics       http.Handler
	Reprojections Reprojections
	Password      *app.AdminPassword
	Requests      lookup.RequestReader
	Rejected      ingest.RejectedReader
	Retry         *ingest.Retry
	Tail          *lookup.Tail
	Explainer     *lookup.Explainer
	Traffic       lookup.TrafficReader
	Lags          app.LagReader
	Issues        lookup.IssueReader
	People        lookup.PeopleReader
	Exporter      *erasure.Exporter
	Suppressor    *erasure.Suppressor // erases too
	Mappings      *app.Mappings
	MappingFiles  MappingFiles
	Previewer     MappingPreviewer
	Traits        lookup.TraitReader
	Samples       Samples
	Events        lookup.EventReader
	Keys          *ingest.Keys
	Secrets       ingest.SigningSecretStore
	Readers       *lookup.Readers

	Ingest  string          // the URL that senders post to, as far as relay knows it
	Setting []Setting       // what relay was started with
	Closing <-chan struct{} // closed when the server stops: streams end then
	Logger  *slog.Logger
	Now     func() time.Time
}

// New returns the admin listener's handler.
func New(c Config) http.Handler {
	open, _ := c.routes()
	return guarded(open)
}

// Routes returns the patterns of all routes, as http.ServeMux reads them.
func Routes() []string {
	open, behind := Config{Metrics: http.NotFoundHandler(), Now: time.Now}.routes()
	return slices.Concat(open.patterns, behind.patterns)
}

// router is a mux that knows what it routes.
type router struct {
	*http.ServeMux
	patterns []string
}

func newRouter() *router { return &router{ServeMux: http.NewServeMux()} }

// Handle is http.ServeMux's.
func (r *router) Handle(pattern string, handler http.Handler) {
	r.patterns = append(r.patterns, pattern)
	r.ServeMux.Handle(pattern, handler)
}

// HandleFunc is http.ServeMux's.
func (r *router) HandleFunc(pattern string, handle func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, http.HandlerFunc(handle))
}

// routes returns what answers everybody, and what the gate is before.
func (c Config) routes() (open, behind *router) {
	open, behind = newRouter(), newRouter()
	open.HandleFunc("GET /healthz", healthz)
	open.HandleFunc("GET /readyz", c.readyz)
	open.Handle("GET /metrics", c.Metrics)
	open.Handle("GET /assets/", assets())
	behind.HandleFunc("GET /api/status", c.status)
	behind.HandleFunc("GET /api/people", c.apiPerson)
	c.reprojectionRoutes(behind)
	c.pageRoutes(behind)
	gate := &gate{Config: c, sessions: newSessions(c.Now), attempts: newAttempts(c.Now), behind: behind}
	open.HandleFunc("GET /login", gate.showLogin)
	open.HandleFunc("POST /login", gate.login)
	open.HandleFunc("POST /logout", gate.logout)
	open.Handle("/", gate)
	return open, behind
}

// healthz: the process answers. It says nothing of the database, since ending
// the process would not bring that back.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

var errReadOnly = errors.New("the database takes no writes; relay doctor tells what to do")

// readyz: payloads can be taken in.
func (c Config) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	status, err := app.InTime(ctx, func() (lookup.Status, error) { return c.Status.Read(ctx) })
	if err == nil && status.ReadOnly {
		err = errReadOnly
	}
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// status is the state of everything, as `relay status --json` prints it.
func (c Config) status(w http.ResponseWriter, r *http.Request) {
	status, err := c.Status.Read(r.Context())
	answer(w, http.StatusOK, status, err)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the caller may be gone
}
