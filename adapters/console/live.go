package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"relay/app/lookup"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// liveCall is a call as Live lists it.
type liveCall struct {
	Offset     eventlog.Offset
	Index      int
	ReceivedAt time.Time
	Source     string
	Type       string
	Person     string
	What       string
}

type liveData struct {
	Source, Type, Person, Event string
	Types                       []string
	Calls                       []liveCall // the newest first
	After                       eventlog.Offset
	LookedFrom                  eventlog.Offset // where older calls were not looked for; 0: all were
}

// liveRows is how many calls Live shows at first, and at most at a time.
const liveRows = 50

// lookBack is how many offsets are looked at for calls that pass a filter.
const lookBack = 5_000

func (c *Console) live(r *http.Request) (*page, error) {
	data := liveData{
		Source: r.FormValue("source"), Type: r.FormValue("type"), Person: r.FormValue("person"), Event: r.FormValue("event"),
		Types: segment.CallTypes(),
	}
	f, err := liveFilter(r)
	if err != nil {
		return nil, err
	}
	after, err := c.config.Tail.FindWithin(r.Context(), liveRows, lookBack, f)
	if err != nil {
		return nil, err
	}
	if data.Calls, data.After, _, err = c.callsAfter(r.Context(), after, f); err != nil {
		return nil, err
	}
	if len(data.Calls) < liveRows {
		data.LookedFrom = after
	}
	return &page{Status: http.StatusOK, Template: "live.html", Title: "Live", Data: data}, nil
}

func liveFilter(r *http.Request) (f lookup.TailFilter, err error) {
	f.Source, f.Person, f.Event = r.FormValue("source"), r.FormValue("person"), r.FormValue("event")
	if name := r.FormValue("type"); name != "" {
		if f.Kinds = segment.KindOfType(name); f.Kinds == 0 {
			err = fmt.Errorf("%w: there is no type %q; there are %s", ErrBadRequest, name, strings.Join(segment.CallTypes(), ", "))
		}
	}
	return f, err
}

// callsAfter returns the last calls after the offset that pass the filter, the
// newest first, how many others there were, and how far it looked.
func (c *Console) callsAfter(
	ctx context.Context, after eventlog.Offset, f lookup.TailFilter,
) (calls []liveCall, upTo eventlog.Offset, left int, err error) {
	for {
		upTo, err = c.config.Tail.Next(ctx, after, f, func(e lookup.TailEntry) error {
			for i := range e.Calls {
				calls = append(calls, liveCallOf(e.Entry, &e.Calls[i]))
			}
			if more := len(calls) - liveRows; more > 0 {
				calls, left = slices.Delete(calls, 0, more), left+more
			}
			return nil
		})
		if err != nil || upTo == after {
			slices.Reverse(calls)
			return calls, upTo, left, err
		}
		after = upTo
	}
}

func liveCallOf(e *eventlog.Entry, call *segment.Call) liveCall {
	what := lookup.WhatOf(call)
	if runes := []rune(what); len(runes) > 200 {
		what = string(runes[:200]) + "…"
	}
	return liveCall{e.Offset, call.Index, e.ReceivedAt.Time(), e.Source, call.Kind.String(), lookup.PersonOf(call), what}
}

// How often a stream looks for what is new, and how often it says that it is
// still there.
const (
	streamEvery = 300 * time.Millisecond
	streamAlive = 15 * time.Second
)

// liveStream sends rows of the list as calls arrive.
func (c *Console) liveStream(w http.ResponseWriter, r *http.Request) error {
	f, err := liveFilter(r)
	if err != nil {
		return err
	}
	from := r.FormValue("after")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		from = last // the browser was cut off and comes back
	}
	n, err := whole(from, "after")
	if err != nil {
		return err
	}
	after := eventlog.Offset(n)
	return c.stream(w, r, func(send func(id, event, data string) error) error {
		calls, upTo, left, err := c.callsAfter(r.Context(), after, f)
		if err != nil || upTo == after {
			return err
		}
		after = upTo
		if len(calls) == 0 {
			return nil
		}
		rows, err := fragment("live.html", "calls", calls)
		if err != nil {
			return err
		}
		if left > 0 {
			if err := send("", "left", plural(left, "call", "calls")); err != nil {
				return err
			}
		}
		return send(strconv.FormatInt(int64(after), 10), "rows", rows)
	})
}

// stream sends what look finds, again and again, until the reader goes or the
// server stops. Where look fails, the reader is told, also of the end of that: the
// database may come back.
func (c *Console) stream(w http.ResponseWriter, r *http.Request, look func(send func(id, event, data string) error) error) error {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(id, event, data string) error {
		var out strings.Builder
		if id != "" {
			fmt.Fprintf(&out, "id: %s\n", id)
		}
		fmt.Fprintf(&out, "event: %s\ndata: %s\n\n", event, strings.NewReplacer("\r", "", "\n", "\ndata: ").Replace(data))
		if _, err := w.Write([]byte(out.String())); err != nil {
			return err
		}
		return control.Flush()
	}
	if err := send("", "hello", ""); err != nil {
		return nil // the reader is gone
	}
	spoke := time.Now()
	spoken := func(id, event, data string) error { spoke = time.Now(); return send(id, event, data) }
	for trouble := false; ; {
		err := look(spoken)
		switch {
		case err != nil && r.Context().Err() == nil:
			trouble, err = true, spoken("", "trouble", err.Error())
		case trouble || time.Since(spoke) > streamAlive:
			trouble, err = false, spoken("", "alive", "")
		}
		if err != nil {
			return nil // the reader is gone
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-c.config.Closing:
			return nil
		case <-time.After(streamEvery):
		}
	}
}
