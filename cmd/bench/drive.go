package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// drive is requests on their way to a target.
//
// With no rate it is a closed loop: each connection sends its next request when
// the last is answered. With a rate it is an open loop: requests have times at
// which they are due, whether or not those before were answered, and how long
// one takes counts from when it was due.
type drive struct {
	address     string
	requests    *requests
	connections int
	perSecond   float64 // requests; 0: closed loop
	warmup      time.Duration
	lasting     time.Duration // after the warm-up
	impatient   bool          // an open loop that leaves out what it cannot send in time, and counts from the sending
	standard    bool          // by net/http's client, as programs in Go send
}

// patience is how long the last requests may take.
const patience = 30 * time.Second

// late is how long a request may be overdue in an impatient loop.
const late = 100 * time.Millisecond

// outcome counts the answers to the requests that were sent after the warm-up.
type outcome struct {
	accepted  *hdrhistogram.Histogram // how long those took that were answered with 200
	refused   int                     // 429 or 503, with Retry-After
	wrong     int                     // any other answer, or none
	unsent    int                     // left out
	handled   int64                   // answered with 200 in all, the warm-up included
	took      time.Duration
	lastError error
}

func (o *outcome) rate() float64 { return float64(o.accepted.TotalCount()) / o.took.Seconds() }

func (o *outcome) merge(other *outcome) {
	o.accepted.Merge(other.accepted)
	o.refused, o.wrong, o.unsent = o.refused+other.refused, o.wrong+other.wrong, o.unsent+other.unsent
	o.handled += other.handled
	if other.lastError != nil {
		o.lastError = other.lastError
	}
}

// run sends requests until the time is over or ctx ends.
func (d drive) run(ctx context.Context) (*outcome, error) {
	senders, err := d.senders()
	for _, s := range senders {
		defer s.close()
	}
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	counted, end := begin.Add(d.warmup), begin.Add(d.warmup+d.lasting)
	var next atomic.Int64
	var wg sync.WaitGroup
	each := make([]*outcome, d.connections)
	for i, s := range senders {
		each[i] = &outcome{accepted: newHistogram()}
		w := worker{drive: d, sender: s, outcome: each[i], next: &next, begin: begin, counted: counted, end: end}
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	all := &outcome{accepted: newHistogram(), took: time.Since(counted)}
	for _, one := range each {
		all.merge(one)
	}
	return all, ctx.Err()
}

func (d drive) senders() (list []sender, err error) {
	deadline := time.Now().Add(d.warmup + d.lasting + patience)
	client := newStandardClient(d.connections)
	for range d.connections {
		if d.standard {
			list = append(list, &standard{client, "http://" + d.address})
			continue
		}
		s, err := newConnection(d.address, deadline)
		if err != nil {
			return list, err
		}
		list = append(list, s)
	}
	return list, nil
}

// worker sends requests over one connection.
type worker struct {
	drive               drive
	sender              sender
	outcome             *outcome
	next                *atomic.Int64 // request to be sent next
	begin, counted, end time.Time
}

func (w *worker) run(ctx context.Context) {
	request := make([]byte, 0, w.drive.requests.size)
	for ctx.Err() == nil {
		i := w.next.Add(1) - 1
		since, unsent := w.wait(i)
		if !since.Before(w.end) {
			return
		}
		if unsent {
			w.outcome.unsent++
			continue
		}
		request = w.drive.requests.write(request, i)
		answer, err := w.sender.post(request)
		now := time.Now()
		w.note(answer, err, now.Sub(since), now.After(w.counted))
		if err != nil {
			return // the connection is of no use any more
		}
	}
}

// wait waits until the i-th request is due and returns when it began to count.
func (w *worker) wait(i int64) (since time.Time, unsent bool) {
	now := time.Now()
	if w.drive.perSecond == 0 {
		return now, false
	}
	due := w.begin.Add(time.Duration(float64(i) / w.drive.perSecond * float64(time.Second)))
	if idle := due.Sub(now); idle > 0 {
		time.Sleep(idle)
		return time.Now(), false // that the sleep was longer is not the target's fault
	}
	if w.drive.impatient {
		return now, now.Sub(due) > late
	}
	if !due.Before(w.end) {
		return w.end, false
	}
	return due, false
}

func (w *worker) note(answer reply, err error, took time.Duration, counts bool) {
	switch {
	case err != nil:
		w.outcome.wrong, w.outcome.lastError = w.outcome.wrong+1, err
	case answer.status == http.StatusOK:
		w.outcome.handled++
		if counts {
			_ = w.outcome.accepted.RecordValue(took.Microseconds()) // deadlines come before ten minutes
		}
	case answer.retryAfter && (answer.status == http.StatusTooManyRequests || answer.status == http.StatusServiceUnavailable):
		w.outcome.refused++
	default:
		w.outcome.wrong, w.outcome.lastError = w.outcome.wrong+1, fmt.Errorf("status %d", answer.status)
	}
}

var errWrong = errors.New("requests were answered wrongly")

// check returns an error unless every request was accepted.
func (o *outcome) check() error {
	if o.wrong+o.refused == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d of %d refused, %d wrong, the last: %v", errWrong, o.refused, o.accepted.TotalCount(), o.wrong, o.lastError)
}
