// Package webhook is the HTTP door that Segment sends through. It authenticates,
// bounds and reads requests, hands bodies to the ingest use case, and puts what
// comes of it into statuses: the only place where that is done.
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

// exchange is one request and what becomes known of it.
type exchange struct {
	*door
	w       http.ResponseWriter
	r       *http.Request
	route   route
	id      string
	started time.Time
	left    time.Duration // of WriteTimeout

	secret  string // the key as it was shown
	key     ingest.Key
	known   bool // whether the key was found
	gzipped bool
	desk    *desk
	body    []byte
	held    int64 // bytes taken from the limit in flight
	calls   int
	status  int  // of the answer
	written bool // whether the answer was begun
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{door: d, w: w, r: r, started: d.Now(), left: d.WriteTimeout}
	defer x.close()
	defer x.rescue()
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
			x.allow()
			return
		}
	}
	if receipt, err := x.handle(); err != nil {
		x.refuse(err)
	} else {
		x.accept(receipt)
	}
}

// handle takes the request through all checks, the cheap ones first.
func (x *exchange) handle() (ingest.Receipt, error) {
	if err := x.checkHead(); err != nil {
		return ingest.Receipt{}, err
	}
	if err := x.readBody(); err != nil {
		return ingest.Receipt{}, err
	}
	ctx, done := x.work()
	defer done()
	if err := x.checkBody(ctx); err != nil {
		return ingest.Receipt{}, err
	}
	receipt, err := x.Ingest.Receive(ctx, &x.desk.parser, x.inbound())
	x.calls = receipt.Calls
	return receipt, err
}

// checkHead is what can be told without the body.
func (x *exchange) checkHead() error {
	err := x.authenticateByHeader()
	if x.r.Method != http.MethodPost { // tells more than that the key is missing
		return methodNotAllowed(x.r.Method, x.route)
	}
	if err != nil {
		return err
	}
	if x.gzipped, err = isGzip(x.r.Header); err != nil {
		return err
	}
	if x.r.ContentLength > x.MaxBody {
		return tooLarge(x.MaxBody)
	}
	return nil
}

// checkBody is what the body must pass before anything reads calls from it.
func (x *exchange) checkBody(ctx context.Context) error {
	if err := x.decode(ctx); err != nil {
		return err
	}
	if err := x.authenticateByBody(ctx); err != nil {
		return err
	}
	return x.checkSignature(ctx)
}

// work begins a time in which the sender waits for relay; done ends it. All of
// them together may take WriteTimeout. A sender that hangs up meanwhile stops
// nothing: its payload is whole, and where it closed only its own direction it
// still reads the answer.
func (x *exchange) work() (ctx context.Context, done func()) {
	began := time.Now()
	return x.deadlines.in(x.left), func() { x.left -= time.Since(began) }
}

// inbound is the request as the use case takes it.
func (x *exchange) inbound() ingest.Inbound {
	return ingest.Inbound{
		RequestID: x.id, Source: x.key.Name, Route: x.route.name, PathKind: x.route.kind,
		ContentType: x.r.Header.Get("Content-Type"), ReceivedAt: x.started, Body: x.body,
	}
}

// keep puts the body into the rejected store and returns the refusal; what
// could not be kept must be sent again.
func (x *exchange) keep(ctx context.Context, refusal *reply) error {
	if err := x.Ingest.Keep(ctx, x.inbound(), refusal.code, refusal.message); err != nil {
		return errors.Join(app.ErrUnavailable, err)
	}
	return refusal
}

// rescue answers a request whose handling panicked. Without an answer of its
// own net/http would send 200.
func (x *exchange) rescue() {
	cause := recover()
	if cause == nil {
		return
	}
	x.Logger.Error("handling a request panicked", "request_id", x.id, "cause", cause, "stack", string(debug.Stack()))
	if !x.written {
		x.refuse(errPanic)
	}
}

// close gives back what the request held. What it worked on is used again only
// if its payload was accepted: otherwise a body may still be in use by whoever
// did not take it in time.
func (x *exchange) close() {
	x.flight.release(x.held)
	x.Metrics.Request(x.route.name, x.status, len(x.body), x.calls, x.Now().Sub(x.started))
	if x.status == http.StatusOK && x.desk != nil {
		x.desk.clear()
		x.desks.Put(x.desk)
	}
}
