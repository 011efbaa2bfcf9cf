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

// RejectedFilter says which bodies people want. Zero fields want all.
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
	// Rewrite puts another body in its place.
	Rewrite(ctx context.Context, id int64, body []byte) error
}

// Retry puts rejected bodies into the log, for when the fault was on this side:
// a wrong signing secret, or a kind of payload that a newer release reads.
type Retry struct {
	Store RejectedReader
	Log   Appender
	Now   func() time.Time
	// Suppressed tells whose calls are dropped; nil: nobody's.
	Suppressed app.Suppressed
}

// Run tries one body again. What still cannot be used is a *Refusal; it stays
// in the store, without the calls of people who are suppressed. A body of which
// something went into the log, and that held such calls, does not stay.
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
	ingest := Ingest{Log: r.Log, Rejected: stays{r.Store, entry}, Suppressed: r.Suppressed}
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

// stays is the rejected store of a body that is in it already.
type stays struct {
	store RejectedReader
	entry RejectedEntry
}

// Keep implements RejectedStore.
func (s stays) Keep(ctx context.Context, b RejectedBody) error {
	if bytes.Equal(b.Body, s.entry.Body) {
		return nil
	}
	return s.store.Rewrite(ctx, s.entry.ID, b.Body)
}
