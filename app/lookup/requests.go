package lookup

import (
	"context"
	"time"
)

// RequestRow is an authenticated request, accepted or not.
type RequestRow struct {
	RequestID  string
	ReceivedAt time.Time
	Source     string
	Status     int
	Code       string // empty: accepted
	Bytes      int
	Calls      int
	LogOffset  int64 // 0: it is not in the log
	RejectedID int64 // of its body in the rejected store; 0: it is not kept
}

// RequestFilter chooses requests. A zero field chooses all.
type RequestFilter struct {
	Source  string
	Outcome string // "accepted", "refused", or an error code
	ID      string // a request's id
}

// RequestPlace is where a page of requests begins. The zero place is the newest.
type RequestPlace struct {
	Offset  int64     // accepted ones before this offset; 0: from the newest on
	Refused time.Time // refused ones received before; zero: from the newest on
}

// RequestList is a page of requests, the newest first.
type RequestList struct {
	Requests []RequestRow
	Next     *RequestPlace // where older ones are; nil: there are none
}

// RequestReader lists requests.
type RequestReader interface {
	Requests(ctx context.Context, f RequestFilter, from RequestPlace, limit int) (RequestList, error)
}

// Traffic is what came in during one step of time.
type Traffic struct {
	At       time.Time // when the step begins
	Payloads int64     // that went into the log; about, where there are many
	Refused  int64     // requests that were refused
}

// ExactTraffic is up to how many payloads a TrafficReader counts each; where more
// came, it looks at as many of them, and each stands for its neighbours.
const ExactTraffic = 1500

// TrafficReader counts what came in.
type TrafficReader interface {
	// Traffic returns n steps, the oldest first, that end with the one that
	// begins at last.
	Traffic(ctx context.Context, last time.Time, step time.Duration, n int) ([]Traffic, error)
}
