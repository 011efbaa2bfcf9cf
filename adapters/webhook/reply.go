package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

// reply is an answer other than 200.
type reply struct {
	status  int
	code    string
	message string
	allow   string // methods, for 405
}

func (r *reply) Error() string { return r.code + ": " + r.message }

// errPanic stands for a panic, which was logged already.
var errPanic = errors.New("handling the request panicked")

func notFound(path string) *reply {
	message := fmt.Sprintf("there is nothing at %q; post to one of %s", path, routeNames)
	return &reply{status: http.StatusNotFound, code: "not_found", message: message}
}

func unauthorized(message string) *reply {
	return &reply{status: http.StatusUnauthorized, code: "unauthorized", message: message}
}

func badSignature(given string) *reply {
	message := "X-Signature is not the HMAC-SHA1 of the body (of the first element, for an array) with this key's signing secret"
	if given == "" {
		message = "X-Signature is missing: this key has a signing secret, so set the same secret in Segment"
	}
	return &reply{status: http.StatusForbidden, code: "bad_signature", message: message}
}

func methodNotAllowed(method string, r route) *reply {
	message := fmt.Sprintf("the method %q is not allowed here; use POST", method)
	return &reply{status: http.StatusMethodNotAllowed, code: "method_not_allowed", message: message, allow: r.allows()}
}

func unsupportedEncoding(encoding string) *reply {
	message := fmt.Sprintf("Content-Encoding %q is not supported; use gzip or none", encoding)
	return &reply{status: http.StatusUnsupportedMediaType, code: "unsupported_encoding", message: message}
}

func invalidEncoding(cause error) *reply {
	message := "Content-Encoding says gzip, and the body is not valid gzip: " + cause.Error()
	return &reply{status: http.StatusBadRequest, code: "invalid_encoding", message: message}
}

func tooLarge(limit int64) *reply {
	message := fmt.Sprintf("the body is larger than %d bytes; send fewer calls in one request, or raise --max-body", limit)
	return &reply{status: http.StatusRequestEntityTooLarge, code: "too_large", message: message}
}

// truncated is for a sender that is gone, most likely. 408 makes Segment send
// again.
func truncated() *reply {
	return &reply{
		status: http.StatusRequestTimeout, code: "truncated",
		message: "the body ended early or came too slowly; send the request again",
	}
}

// replyFor makes the answer to a request that failed with the error.
func replyFor(err error) *reply {
	var known *reply
	var rejection *ingest.Rejection
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &rejection):
		return &reply{status: http.StatusBadRequest, code: rejection.Code, message: rejection.Message}
	case errors.Is(err, app.ErrOverloaded):
		return &reply{
			status: http.StatusTooManyRequests, code: "overloaded",
			message: "relay is working on as many bytes as it may; send the request again",
		}
	}
	return &reply{
		status: http.StatusServiceUnavailable, code: "unavailable",
		message: "the payload cannot be stored now; send the request again",
	}
}

type errorBody struct {
	Success bool `json:"success"`
	Error   struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// refuse answers with the error's status, and notes the request if its key is
// known.
func (x *exchange) refuse(err error) {
	var rejection *ingest.Rejection
	if errors.As(err, &rejection) {
		x.calls = rejection.Calls
	}
	r := replyFor(err)
	x.status = r.status
	if x.known {
		x.note(r.code)
	}
	if r.status >= http.StatusInternalServerError && !errors.Is(err, errPanic) {
		x.config.Logger.Error("a payload could not be stored", "request_id", x.id, "source", x.key.Name, "error", err)
	}
	r.setHeaders(x.w.Header())
	var body errorBody
	body.Error.Code, body.Error.Message = r.code, r.message
	x.writeJSON(body)
}

// note records how the request was answered, for requests without a log entry.
func (x *exchange) note(code string) {
	x.config.Requests.Note(ingest.RequestRecord{
		RequestID: x.id, Source: x.key.Name, ReceivedAt: x.started, Status: x.status, Code: code, Bytes: len(x.body), Calls: x.calls,
	})
}

// setHeaders sets the headers that go with the status.
func (r *reply) setHeaders(h http.Header) {
	switch r.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="relay"`) // Basic would make browsers ask people
	case http.StatusMethodNotAllowed:
		h.Set("Allow", r.allow)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "1") // seconds; Segment reads whole ones only
	}
}

type acceptedBody struct {
	Success       bool                `json:"success"`
	Rejected      []segment.Rejection `json:"rejected"`
	RejectedCount int                 `json:"rejected_count"`
}

var success = []byte(`{"success":true}` + "\n")

// accept answers 200.
func (x *exchange) accept(receipt ingest.Receipt) {
	x.status = http.StatusOK
	if receipt.Suppressed {
		x.note("suppressed")
	}
	if receipt.UnusableCount > 0 {
		x.writeJSON(acceptedBody{true, receipt.Unusable, receipt.UnusableCount})
		return
	}
	x.writeHead()
	_, _ = x.w.Write(success) // the sender may be gone
}

// answerPreflight answers a browser that asks what a page may send.
func (x *exchange) answerPreflight() {
	x.status, x.written = http.StatusNoContent, true
	allowRequests(x.w.Header())
	x.w.WriteHeader(x.status)
}

func (x *exchange) writeJSON(body any) {
	x.writeHead()
	_ = json.NewEncoder(x.w).Encode(body) // the sender may be gone
}

func (x *exchange) writeHead() {
	x.written = true
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(x.status)
}
