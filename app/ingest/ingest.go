// Package ingest puts the payloads of requests into the log: who may send, what of
// a payload is usable, and what becomes of a body that is not. It knows no HTTP.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relay/app"
	"relay/domain/segment"
)

// Key is an API key as a key ring knows it. Its name is the source of what is sent
// with it.
type Key struct {
	Name           string
	SigningSecrets []SigningSecret // a payload must be signed with one of them; none: no signature is needed
}

// SigningSecret is a secret that a sender may sign payloads with.
type SigningSecret struct {
	ID     int64
	Secret []byte
}

// KeyRing finds the key of a sender, and notes its use. All methods are safe for
// concurrent use.
type KeyRing interface {
	// Known returns the key if it is in memory. What changed within the last second
	// may be missing there.
	Known(secret string) (Key, bool)
	// Find knows all changes made before it was called, and may wait for a moment.
	// It is for senders whose payload would be dropped otherwise, as Segment drops
	// what is answered with 401: it returns ErrUnknownKey only when that is certain,
	// and ErrUnavailable while the keys cannot be read.
	Find(ctx context.Context, secret string) (Key, error)
	// Signed notes the use of the signing secret with that id.
	Signed(id int64)
}

// Inbound is an authenticated request whose body was read in full.
type Inbound struct {
	RequestID   string        // a UUID; the entry's id in the log
	Source      string        // the key's name
	Route       string        // path as posted, without a last slash
	PathKind    segment.Kinds // kind of the calls that have no type; 0: none
	ContentType string
	ReceivedAt  time.Time
	Body        []byte // decoded from its content encoding; its memory is used again once it is in the log
}

// NewEntry is a payload on its way into the log.
type NewEntry struct {
	Inbound Inbound
	Kinds   segment.Kinds
	Calls   int   // calls in the payload, usable or not
	Erased  []int // indexes of the calls that were cut out of the body
}

// Appender writes payloads to the log.
type Appender interface {
	// Append returns nil only after the commit that holds the entry; ErrOverloaded
	// if too many entries wait; ErrUnavailable if the log cannot be written, or not
	// in time. After nil the body's memory is the caller's again; after an error
	// Append may still use it. Append is safe for concurrent use.
	Append(ctx context.Context, e NewEntry) error
}

// RejectedBody is a request body that cannot go into the log, kept for people to
// view and to retry.
type RejectedBody struct {
	RequestID  string
	Source     string
	Route      string
	ReceivedAt time.Time
	Code       string
	Message    string
	Body       []byte
}

// RejectedStore keeps rejected bodies.
type RejectedStore interface {
	// Keep returns nil only when the body is durable, and returns by the deadline
	// of ctx.
	Keep(ctx context.Context, r RejectedBody) error
}

// RequestRecord says how an authenticated request that did not reach the log was
// answered. Those that reached it are known from the log itself.
type RequestRecord struct {
	RequestID  string
	Source     string
	ReceivedAt time.Time
	Status     int
	Code       string
	Bytes      int
	Calls      int
}

// RequestLog keeps records of refused requests.
type RequestLog interface {
	// Note does not block. What the database cannot take now is written when it is
	// back. Note is safe for concurrent use.
	Note(r RequestRecord)
}

// Receipt is what the sender of an accepted payload is told.
type Receipt struct {
	Calls         int
	Unusable      []segment.Rejection // the first calls that no projection can use
	UnusableCount int                 // how many there are in all
	Dropped       int                 // how many calls of suppressed people were dropped
	Suppressed    bool                // every call was dropped: nothing went into the log
}

// Rejection is the error for a payload in which nothing is usable. Its body was
// kept.
type Rejection struct {
	Code    string // "invalid_json" or "no_usable_call"
	Message string
	Calls   int
}

func (r *Rejection) Error() string { return r.Code + ": " + r.Message }

// Ingest puts payloads into the log.
type Ingest struct {
	Log      Appender
	Rejected RejectedStore
	// Suppressed says whose calls are dropped; nil: nobody's.
	Suppressed app.Suppressed
}

// Receive puts a payload into the log and returns after it is durable there. If
// no call in it is usable, Receive puts the body into the rejected store and returns
// a *Rejection. Other errors are those of Appender and RejectedStore. The parser is
// the caller's, so that it can be used again.
func (i *Ingest) Receive(ctx context.Context, parser *segment.Parser, in Inbound) (Receipt, error) {
	payload, erased, err := i.parse(parser, &in)
	if err != nil {
		return Receipt{}, i.reject(ctx, in, &Rejection{Code: "invalid_json", Message: err.Error()})
	}
	if len(erased) > 0 && len(erased) == payload.Total {
		return Receipt{Calls: payload.Total, Dropped: len(erased), Suppressed: true}, nil
	}
	if len(payload.Calls) == 0 {
		return Receipt{}, i.reject(ctx, in, noUsableCall(payload))
	}
	receipt := Receipt{
		Calls: payload.Total, Unusable: payload.Rejected, UnusableCount: payload.Total - len(payload.Calls) - len(erased), Dropped: len(erased),
	}
	return receipt, i.Log.Append(ctx, NewEntry{Inbound: in, Kinds: payload.Kinds, Calls: payload.Total, Erased: erased})
}

// reject keeps the body as it is now: the calls of suppressed people were cut out
// of it, unless it is not JSON.
func (i *Ingest) reject(ctx context.Context, in Inbound, rejection *Rejection) error {
	if err := i.keep(ctx, in, rejection.Code, rejection.Message); err != nil {
		return errors.Join(app.ErrUnavailable, err)
	}
	return rejection
}

// Keep puts a body that is rejected for another reason, such as a wrong signature,
// into the rejected store, without the calls of suppressed people. A body that is
// not JSON is kept as it is, since nobody can tell whose calls it holds.
func (i *Ingest) Keep(ctx context.Context, in Inbound, code, message string) error {
	if i.suppresses() {
		payload, erased, err := i.parse(new(segment.Parser), &in)
		if err == nil && len(erased) > 0 && len(erased) == payload.Total {
			return nil
		}
	}
	return i.keep(ctx, in, code, message)
}

func (i *Ingest) keep(ctx context.Context, in Inbound, code, message string) error {
	return i.Rejected.Keep(ctx, RejectedBody{
		RequestID: in.RequestID, Source: in.Source, Route: in.Route,
		ReceivedAt: in.ReceivedAt, Code: code, Message: message, Body: in.Body,
	})
}

func noUsableCall(p segment.Payload) *Rejection {
	r := &Rejection{Code: "no_usable_call", Calls: p.Total}
	if p.Total == 0 {
		r.Message = "the payload holds no call: send a call, or an array with at least one call"
		return r
	}
	first := p.Rejected[0]
	r.Message = fmt.Sprintf("none of the %d calls is usable; call %d: %s: %s", p.Total, first.Index, first.Code, first.Message)
	return r
}
