package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"relay/app"
)

// reply is an answer other than 200.
type reply struct {
	status  int
	code    string
	message string
	cause   error // for the log
}

func (r *reply) Error() string { return r.message }
func (r *reply) Unwrap() error { return r.cause }

var (
	errPanic     = errors.New("an unexpected failure")
	errTruncated = errors.New("the body ended early")
)

func notFound(path string) *reply {
	var paths []string
	for path := range routes {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return &reply{http.StatusNotFound, "not_found", fmt.Sprintf("nothing is at %q; post to %s", path, strings.Join(paths, ", ")), nil}
}

func unauthorized(message string) *reply {
	return &reply{http.StatusUnauthorized, "unauthorized", message, nil}
}

func badSignature(given string) *reply {
	message := "X-Signature is not the HMAC-SHA1 of the body (of the first element, for an array) with this key's signing secret"
	if given == "" {
		message = "X-Signature is missing: this key has a signing secret, so set the same secret in Segment"
	}
	return &reply{http.StatusForbidden, "bad_signature", message, nil}
}

func methodNotAllowed(method string) *reply {
	return &reply{http.StatusMethodNotAllowed, "method_not_allowed", method + " is not taken here; use POST", nil}
}

func unsupportedEncoding(encoding string) *reply {
	return &reply{http.StatusUnsupportedMediaType, "unsupported_encoding", fmt.Sprintf("Content-Encoding %q is not taken; use gzip or none", encoding), nil}
}

func badEncoding(cause error) *reply {
	return &reply{http.StatusBadRequest, "invalid_encoding", "Content-Encoding says gzip, and the body is not: " + cause.Error(), nil}
}

func tooLarge(limit int64) *reply {
	return &reply{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body is larger than %d bytes; send fewer calls in one request, or raise --max-body", limit), nil}
}

func unavailable(cause error) *reply {
	return &reply{http.StatusServiceUnavailable, "unavailable", "the payload cannot be kept now; send it again", cause}
}

// replyFor puts any error into a status.
func replyFor(err error) *reply {
	var known *reply
	var refusal *app.Refusal
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refusal):
		return &reply{http.StatusBadRequest, refusal.Code, refusal.Message, nil}
	case errors.Is(err, app.ErrOverloaded):
		return &reply{http.StatusTooManyRequests, "overloaded", "too much is in flight; send it again", nil}
	case errors.Is(err, errTruncated):
		// The sender is mostly gone. 408 makes Segment send again.
		return &reply{http.StatusRequestTimeout, "truncated", err.Error(), nil}
	}
	return unavailable(err)
}

// answer sends the reply and notes the request if it did not reach the log.
func (x *exchange) answer(receipt *app.Receipt, err error) {
	if err == nil {
		x.accept(receipt)
		return
	}
	r := replyFor(err)
	var refusal *app.Refusal
	if errors.As(err, &refusal) {
		x.calls = refusal.Calls
	}
	x.status = r.status
	if x.known {
		x.Requests.Note(app.RequestRecord{
			RequestID: x.id, Source: x.key.Name, ReceivedAt: x.started, Status: r.status, Code: r.code, Bytes: len(x.body), Calls: x.calls,
		})
	}
	if r.status >= 500 {
		x.Logger.Error("a payload was not taken in", "request_id", x.id, "source", x.key.Name, "error", err)
	}
	if r.status == http.StatusServiceUnavailable || r.status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", "1")
	}
	x.write(r.status, map[string]any{"success": false, "error": map[string]string{"code": r.code, "message": r.message}})
}

var success = []byte(`{"success":true}` + "\n")

func (x *exchange) accept(receipt *app.Receipt) {
	x.status = http.StatusOK
	if receipt.RejectedCount > 0 {
		x.write(http.StatusOK, map[string]any{"success": true, "rejected": receipt.Rejected, "rejected_count": receipt.RejectedCount})
		return
	}
	x.w.Header().Set("Content-Type", "application/json")
	_, _ = x.w.Write(success) // the sender may be gone
}

func (x *exchange) write(status int, body any) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	_ = json.NewEncoder(x.w).Encode(body) // the sender may be gone
}
