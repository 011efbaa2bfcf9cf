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
	Checks        Checks
	Former        FormerGenerations
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
	SQLUsers      *lookup.SQLUsers

	Ingest  string          // the URL that senders post to, as far as relay knows it
	Setting []Setting       // what relay was started with
	Closing <-chan struct{} // closed when the server stops: streams end then
	Logger  *slog.Logger
	Now     func() time.Time
}

// Console is the admin listener's handler.
type Console struct {
	config  Config
	handler http.Handler
}

// New returns a console.
func New(config Config) *Console {
	c := &Console{config: config}
	open, _ := c.routes()
	c.handler = guarded(open)
	return c
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Routes returns the patterns of all routes, as http.ServeMux reads them.
func Routes() []string {
	open, behind := (&Console{config: Config{Metrics: http.NotFoundHandler(), Now: time.Now}}).routes()
	return slices.Concat(open.patterns, behind.patterns)
}

// router is a mux that knows what it routes.
type router struct {
	mux      *http.ServeMux
	patterns []string
}

func newRouter() *router { return &router{mux: http.NewServeMux()} }

// ServeHTTP implements http.Handler.
func (r *router) ServeHTTP(w http.ResponseWriter, request *http.Request) { r.mux.ServeHTTP(w, request) }

func (r *router) handle(pattern string, handler http.Handler) {
	r.patterns = append(r.patterns, pattern)
	r.mux.Handle(pattern, handler)
}

func (r *router) handleFunc(pattern string, handle http.HandlerFunc) { r.handle(pattern, handle) }

// routes returns what answers everybody, and what stands behind the gate.
func (c *Console) routes() (open, behind *router) {
	behind = newRouter()
	c.apiRoutes(behind)
	c.pageRoutes(behind)
	gate := &gate{console: c, sessions: newSessions(c.config.Now), attempts: newAttempts(c.config.Now), behind: behind}
	open = newRouter()
	open.handleFunc("GET /healthz", healthz)
	open.handleFunc("GET /readyz", c.readyz)
	open.handle("GET /metrics", c.config.Metrics)
	open.handle("GET /assets/", assets())
	open.handleFunc("GET /login", gate.showLogin)
	open.handleFunc("POST /login", gate.login)
	open.handleFunc("POST /logout", gate.logout)
	open.handle("/", gate)
	return open, behind
}

// apiRoutes are what programs ask.
func (c *Console) apiRoutes(to *router) {
	to.handleFunc("GET /api/status", c.status)
	to.handleFunc("GET /api/people", c.apiPerson)
	c.reprojectionRoutes(to)
	c.checkRoutes(to)
}

// healthz: the process answers. It says nothing of the database, since ending
// the process would not bring that back.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

var errReadOnly = errors.New("the database takes no writes; relay doctor tells what to do")

// readyz: relay can accept payloads.
func (c *Console) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	status, err := c.config.Status.Read(ctx)
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
func (c *Console) status(w http.ResponseWriter, r *http.Request) {
	status, err := c.config.Status.Read(r.Context())
	answer(w, http.StatusOK, status, err)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the caller may be gone
}
