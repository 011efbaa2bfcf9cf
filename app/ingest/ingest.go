package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relay/app"
	"relay/domain/segment"
)

// Key is an API key as the door knows it; its name is the source of what it
// sends.
type Key struct {
	Name           string
	SigningSecrets []SigningSecret // any of them may have signed; none: no signature is asked for
}

// SigningSecret is one that a sender may sign with.
type SigningSecret struct {
	ID     int64
	Secret []byte
}

// KeyRing finds the key that a caller showed, and notes its use. Both ways of
// finding return ErrUnknownKey only when that is certain; while the store of
// keys cannot be asked they return ErrUnavailable, because Segment drops what is
// answered with 401.
type KeyRing interface {
	// Find may not know yet what was changed within the last second, but for
	// keys that are new.
	Find(ctx context.Context, secret string) (Key, error)
	// FindNow knows all that was changed before it was called. It may wait for
	// a moment, and is for when the sender's payload would be dropped otherwise.
	FindNow(ctx context.Context, secret string) (Key, error)
	// Signed notes the use of the signing secret with that id.
	Signed(id int64)
}

// Inbound is one authenticated request whose body was read in full.
type Inbound struct {
	RequestID   string // a UUID; the entry's id in the log
	Source      string // the key's name
	Route       string // path as posted, without a last slash
	PathKind    segment.Kinds
	ContentType string
	ReceivedAt  time.Time
	Body        []byte // decoded from its content encoding; may be used again once it is in the log
}

// NewEntry is a payload on its way into the log.
type NewEntry struct {
	Inbound
	Kinds  segment.Kinds
	Calls  int   // calls in the payload, usable or not
	Erased []int // indexes of those that were erased from the body
}

// Appender writes payloads to the log. Append returns nil only after the commit
// that holds the entry; ErrOverloaded when there is no room to wait in;
// ErrUnavailable when the log cannot be written or not in time. After nil the
// body's memory is the caller's again; after an error it is left to Append.
type Appender interface {
	Append(ctx context.Context, e NewEntry) error
}

// RejectedBody is a request body that cannot go into the log, kept for people
// to look at and to try again.
type RejectedBody struct {
	RequestID  string
	Source     string
	Route      string
	ReceivedAt time.Time
	Code       string
	Message    string
	Body       []byte
}

// RejectedStore keeps bodies that were refused. Keep returns nil only when the
// body is durable. It may go on for a while after ctx has ended.
type RejectedStore interface {
	Keep(ctx context.Context, r RejectedBody) error
}

// RequestRecord tells how an authenticated request that did not reach the log
// was answered. Requests that reached it are known from the log itself.
type RequestRecord struct {
	RequestID  string
	Source     string
	ReceivedAt time.Time
	Status     int
	Code       string
	Bytes      int
	Calls      int
}

// RequestLog takes records of refused requests. Note does not block; what the
// database cannot take now is written when it is back.
type RequestLog interface {
	Note(r RequestRecord)
}

// Receipt is what the sender of an accepted payload is told.
type Receipt struct {
	Calls         int
	Rejected      []segment.Rejection // calls that no projection will use, the first of them
	RejectedCount int                 // all of them
	Dropped       int                 // calls of people who are suppressed
	Suppressed    bool                // every call was dropped: nothing went into the log
}

// Refusal is a payload that relay cannot use at all. Its body was kept.
type Refusal struct {
	Code    string // "invalid_json" or "no_usable_call"
	Message string
	Calls   int
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Ingest takes payloads in.
type Ingest struct {
	Log      Appender
	Rejected RejectedStore
	// Suppressed tells whose calls are dropped; nil: nobody's.
	Suppressed app.Suppressed
}

// Receive puts a payload into the log and returns after it is durable there.
// It returns a *Refusal when no call in it can be used (the body is then in the
// rejected store), and otherwise the errors of Appender and RejectedStore.
// The parser is the caller's, so that each connection can reuse its own.
func (i *Ingest) Receive(ctx context.Context, parser *segment.Parser, in Inbound) (Receipt, error) {
	payload, erased, err := i.parse(parser, &in)
	if err != nil {
		return Receipt{}, i.refuse(ctx, in, &Refusal{Code: "invalid_json", Message: err.Error()})
	}
	if len(erased) > 0 && len(erased) == payload.Total {
		return Receipt{Calls: payload.Total, Dropped: len(erased), Suppressed: true}, nil
	}
	if len(payload.Calls) == 0 {
		return Receipt{}, i.refuse(ctx, in, noUsableCall(payload))
	}
	receipt := Receipt{
		Calls: payload.Total, Rejected: payload.Rejected, RejectedCount: payload.Total - len(payload.Calls) - len(erased), Dropped: len(erased),
	}
	return receipt, i.Log.Append(ctx, NewEntry{Inbound: in, Kinds: payload.Kinds, Calls: payload.Total, Erased: erased})
}

// refuse keeps the body as it is now: calls of people who are suppressed were cut
// out of it, unless it is not JSON.
func (i *Ingest) refuse(ctx context.Context, in Inbound, refusal *Refusal) error {
	err := i.keep(ctx, in, refusal.Code, refusal.Message)
	if err != nil {
		return errors.Join(app.ErrUnavailable, err)
	}
	return refusal
}

// Keep puts a body that is refused for another reason, such as a wrong
// signature, into the rejected store, without the calls of people who are
// suppressed. Whose calls a body holds that is not JSON, nobody can tell.
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
	body := RejectedBody{
		RequestID: in.RequestID, Source: in.Source, Route: in.Route,
		ReceivedAt: in.ReceivedAt, Code: code, Message: message, Body: in.Body,
	}
	_, err := app.InTime(ctx, func() (struct{}, error) { return struct{}{}, i.Rejected.Keep(ctx, body) })
	return err
}

func noUsableCall(p segment.Payload) *Refusal {
	r := &Refusal{Code: "no_usable_call", Calls: p.Total}
	if p.Total == 0 {
		r.Message = "the payload holds no call: send one call, or an array of calls that is not empty"
		return r
	}
	first := p.Rejected[0]
	r.Message = fmt.Sprintf("none of %d calls can be used; call %d: %s: %s", p.Total, first.Index, first.Code, first.Message)
	return r
}
