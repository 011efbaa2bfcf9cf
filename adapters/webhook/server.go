package webhook

import (
	"net/http"
	"time"
)

// NewServer returns a server for the handler whose limits suit the open net.
// The caller gives it a listener and shuts it down.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
