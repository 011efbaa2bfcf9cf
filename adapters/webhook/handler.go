// Package webhook is the HTTP side of ingest: Segment and its libraries post
// payloads to it. It authenticates, bounds and reads requests, hands bodies to the
// ingest use case, and makes a status of what comes of them. Statuses are decided
// nowhere else.
//
// A 4xx other than 408, 410, 429 makes Segment drop data for ever, so it is
// given only for what is certainly the sender's fault; everything else is
// answered with 503 or 429, which make Segment send again.
package webhook

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"relay/app"
	"relay/app/ingest"
)

// exchange is one request and what becomes known of it, in the order of the
// fields.
type exchange struct {
	handler *handler
	config  *Config // the handler's
	w       http.ResponseWriter
	r       *http.Request
	id      string
	started time.Time
	left    time.Duration // of WriteTimeout

	route     route
	secret    string // the key as the sender shows it
	key       ingest.Key
	known     bool // whether the key was found
	gzipped   bool
	workspace *workspace
	body      []byte // as sent, and once it is decoded as decoded
	held      int64  // bytes taken from the limit in flight
	calls     int
	status    int  // of the answer
	written   bool // whether the answer was begun
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{handler: h, config: &h.config, w: w, r: r, started: h.config.Now(), left: h.config.WriteTimeout}
	defer x.close()
	defer x.recoverPanic()
	x.id = uuid.Must(uuid.NewV7()).String()
	w.Header().Set("X-Request-Id", x.id)
	known := false
	if x.route, known = routeOf(r.URL.Path); !known {
		x.refuse(notFound(r.URL.Path))
		return
	}
	if x.route.cors {
		allowOrigins(w.Header())
		if r.Method == http.MethodOptions {
			x.answerPreflight()
			return
		}
	}
	if receipt, err := x.receive(); err != nil {
		x.refuse(err)
	} else {
		x.accept(receipt)
	}
}

// receive takes the request from its head to the log. Checks that cost little
// come first.
func (x *exchange) receive() (ingest.Receipt, error) {
	if err := x.checkHead(); err != nil {
		return ingest.Receipt{}, err
	}
	if err := x.readBody(); err != nil {
		return ingest.Receipt{}, err
	}
	ctx, done := x.work()
	defer done()
	if err := x.decode(ctx); err != nil {
		return ingest.Receipt{}, err
	}
	if err := x.authenticateByBody(ctx); err != nil {
		return ingest.Receipt{}, err
	}
	if err := x.checkSignature(ctx); err != nil {
		return ingest.Receipt{}, err
	}
	receipt, err := x.config.Ingest.Receive(ctx, &x.workspace.parser, x.inbound())
	x.calls = receipt.Calls
	return receipt, err
}

// checkHead finds what is wrong with the request without its body.
func (x *exchange) checkHead() error {
	err := x.authenticateByHeader()
	if x.r.Method != http.MethodPost { // says more than that the key is missing
		return methodNotAllowed(x.r.Method, x.route)
	}
	if err != nil {
		return err
	}
	if x.gzipped, err = isGzip(x.r.Header); err != nil {
		return err
	}
	if x.r.ContentLength > x.config.MaxBody {
		return tooLarge(x.config.MaxBody)
	}
	return nil
}

// work begins a stretch in which the sender waits for relay, and done ends it. All
// stretches together may take WriteTimeout. A sender that hangs up meanwhile stops
// nothing: its payload is whole, and where it closed only its own direction it
// still reads the answer.
func (x *exchange) work() (ctx context.Context, done func()) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), x.left)
	return ctx, func() {
		cancel()
		x.left -= time.Since(began)
	}
}

// inbound is the request as the use case takes it.
func (x *exchange) inbound() ingest.Inbound {
	return ingest.Inbound{
		RequestID: x.id, Source: x.key.Name, Route: x.route.name, PathKind: x.route.kind,
		ContentType: x.r.Header.Get("Content-Type"), ReceivedAt: x.started, Body: x.body,
	}
}

// reject puts the body into the rejected store and returns the answer that says
// so; what could not be kept must be sent again.
func (x *exchange) reject(ctx context.Context, answer *reply) error {
	if err := x.config.Ingest.Keep(ctx, x.inbound(), answer.code, answer.message); err != nil {
		return errors.Join(app.ErrUnavailable, err)
	}
	return answer
}

// recoverPanic answers a request whose handling panicked. Without an answer
// net/http would send 200.
func (x *exchange) recoverPanic() {
	cause := recover()
	if cause == nil {
		return
	}
	x.config.Logger.Error("handling a request panicked", "request_id", x.id, "cause", cause, "stack", string(debug.Stack()))
	if !x.written {
		x.refuse(errPanic)
	}
}

// close gives back what the request held. Its workspace is used again only if its
// payload was accepted: otherwise the log or the rejected store may still be
// working on the body that they did not take in time.
func (x *exchange) close() {
	x.handler.inFlight.release(x.held)
	x.config.Metrics.Request(x.route.name, x.status, len(x.body), x.calls, x.config.Now().Sub(x.started))
	if x.status == http.StatusOK && x.workspace != nil {
		x.workspace.trim()
		x.handler.workspaces.Put(x.workspace)
	}
}
