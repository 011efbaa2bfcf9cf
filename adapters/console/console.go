// Package console is the admin listener: what operators and their tools ask of
// a running relay over HTTP.
package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"relay/app"
)

// Config says what the console shows.
type Config struct {
	Status        app.StatusReader
	Metrics       http.Handler
	Reprojections Reprojections
}

// New returns the admin listener's handler.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", c.readyz)
	mux.Handle("GET /metrics", c.Metrics)
	mux.HandleFunc("GET /{$}", c.overview)
	c.reprojectionRoutes(mux)
	return guarded(mux)
}

// healthz: the process answers. It says nothing of the database, since ending
// the process would not bring that back.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz: payloads can be taken in.
func (c Config) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if _, err := c.Status.Read(ctx); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// overview is the state of everything, as `relay status --json` prints it.
func (c Config) overview(w http.ResponseWriter, r *http.Request) {
	status, err := c.Status.Read(r.Context())
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, status)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the caller may be gone
}
