package webhook

import (
	"context"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"relay/app"
	"relay/domain/segment"
)

// exchange is one request and what becomes known of it.
type exchange struct {
	*door
	w       http.ResponseWriter
	r       *http.Request
	route   route
	id      string
	started time.Time

	key    app.Key
	known  bool // whether the key was found
	body   []byte
	held   int64 // bytes taken from the limit in flight
	calls  int
	status int
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{door: d, w: w, r: r, started: d.Now(), id: newID()}
	w.Header().Set("X-Request-Id", x.id)
	defer func() {
		if cause := recover(); cause != nil {
			d.Logger.Error("a request failed", "request_id", x.id, "cause", cause, "stack", string(debug.Stack()))
			x.answer(nil, unavailable(errPanic))
		}
		d.flight.release(x.held)
		d.Metrics.Request(x.route.name, x.status, len(x.body), x.calls, d.Now().Sub(x.started))
	}()
	receipt, err := x.handle()
	x.answer(receipt, err)
}

func newID() string {
	id, err := uuid.NewV7()
	if err != nil { // without randomness
		id = uuid.UUID{}
	}
	return id.String()
}

// handle takes the request through all checks, the cheap ones first.
func (x *exchange) handle() (*app.Receipt, error) {
	var ok bool
	if x.route, ok = routeOf(x.r.URL.Path); !ok {
		return nil, notFound(x.r.URL.Path)
	}
	if err := x.authenticate(); err != nil {
		return nil, err
	}
	if x.r.Method != http.MethodPost {
		x.w.Header().Set("Allow", http.MethodPost)
		return nil, methodNotAllowed(x.r.Method)
	}
	if err := x.readBody(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.Patience)
	defer cancel()
	in := app.Inbound{
		RequestID: x.id, Source: x.key.Name, Route: x.route.name, PathKind: x.route.kind,
		ContentType: x.r.Header.Get("Content-Type"), ReceivedAt: x.started, Body: x.body,
	}
	if err := x.checkSignature(ctx, in); err != nil {
		return nil, err
	}
	parser := x.parsers.Get().(*segment.Parser)
	defer x.parsers.Put(parser)
	receipt, err := x.Ingest.Receive(ctx, parser, in)
	x.calls = receipt.Calls
	return &receipt, err
}
