package ingest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"relay/app"
	"relay/domain/segment"
)

// RejectedEntry is a body in the rejected store.
type RejectedEntry struct {
	ID int64
	RejectedBody
	Bytes     int        // of the body
	RetriedAt *time.Time // when a retry put it into the log
}

// RejectedFilter says which bodies are wanted. Empty fields exclude none.
type RejectedFilter struct {
	Source, Code string
	Waiting      bool // only those that no retry put into the log
}

// RejectedReader reads the rejected store.
type RejectedReader interface {
	// Get returns ErrNotFound if there is no such body.
	Get(ctx context.Context, id int64) (RejectedEntry, error)
	// List returns the newest before the id first, without their bodies.
	List(ctx context.Context, f RejectedFilter, before int64, limit int) ([]RejectedEntry, error)
	// Retried notes that the body is in the log now.
	Retried(ctx context.Context, id int64, at time.Time) error
	// Discard deletes the body.
	Discard(ctx context.Context, id int64) error
	// Rewrite replaces the body.
	Rewrite(ctx context.Context, id int64, body []byte) error
}

// Retry puts rejected bodies into the log, for when the fault was in relay: a wrong
// signing secret, or a kind of payload that a newer release can read.
type Retry struct {
	Store RejectedReader
	Log   Appender
	Now   func() time.Time
	// Suppressed says whose calls are dropped; nil: nobody's.
	Suppressed app.Suppressed
}

// Run retries one body. If it is still unusable, Run returns a *Rejection, and the
// body stays in the store, without the calls of suppressed people. A body that held
// such calls beside others is deleted once the others are in the log.
func (r *Retry) Run(ctx context.Context, id int64) (Receipt, error) {
	entry, err := r.Store.Get(ctx, id)
	if err != nil {
		return Receipt{}, err
	}
	if entry.RetriedAt != nil {
		return Receipt{}, fmt.Errorf("rejected body %d was put into the log at %s already", id, entry.RetriedAt.Format(time.RFC3339))
	}
	newID, err := uuid.NewV7()
	if err != nil {
		return Receipt{}, fmt.Errorf("name the retry: %w", err)
	}
	in := Inbound{
		RequestID: newID.String(), Source: entry.Source, Route: entry.Route,
		PathKind: segment.KindOfRoute(entry.Route), ReceivedAt: entry.ReceivedAt, Body: entry.Body,
	}
	ingest := Ingest{Log: r.Log, Rejected: keptAlready{r.Store, entry}, Suppressed: r.Suppressed}
	receipt, err := ingest.Receive(ctx, new(segment.Parser), in)
	if err != nil {
		return receipt, err
	}
	if receipt.Dropped > 0 {
		return receipt, r.Store.Discard(ctx, id)
	}
	return receipt, r.Store.Retried(ctx, id, r.Now())
}

// Waiting returns the ids of the bodies that pass the filter and are not in the
// log, the oldest first.
func (r *Retry) Waiting(ctx context.Context, f RejectedFilter) (ids []int64, err error) {
	f.Waiting = true
	for before := int64(math.MaxInt64); ; before = ids[len(ids)-1] {
		page, err := r.Store.List(ctx, f, before, 1000)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			slices.Reverse(ids)
			return ids, nil
		}
		for _, e := range page {
			ids = append(ids, e.ID)
		}
	}
}

// keptAlready is the rejected store for the retry of a body that is in it already:
// only what is cut out of the body changes it.
type keptAlready struct {
	store RejectedReader
	entry RejectedEntry
}

// Keep implements RejectedStore.
func (s keptAlready) Keep(ctx context.Context, b RejectedBody) error {
	if bytes.Equal(b.Body, s.entry.Body) {
		return nil
	}
	return s.store.Rewrite(ctx, s.entry.ID, b.Body)
}
