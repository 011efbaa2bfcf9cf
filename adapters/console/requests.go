package console

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"relay/app"
	"relay/app/ingest"
	"relay/app/lookup"
)

// pageSize is how many rows a list shows.
const pageSize = 50

type requestsData struct {
	Filter lookup.RequestFilter
	List   lookup.RequestList
	Older  bool // whether these are not the newest
}

// requests is the list of authenticated requests.
func (c *Console) requests(r *http.Request) (*page, error) {
	data := requestsData{Filter: lookup.RequestFilter{
		Source: r.FormValue("source"), Outcome: r.FormValue("outcome"), ID: strings.TrimSpace(r.FormValue("id")),
	}}
	from, err := requestPlace(r)
	if err != nil {
		return nil, err
	}
	data.Older = from != lookup.RequestPlace{}
	if data.List, err = c.config.Requests.Requests(r.Context(), data.Filter, from, pageSize); err != nil {
		return nil, err
	}
	return &page{Status: http.StatusOK, Template: "requests.html", Title: "Requests", Data: data}, nil
}

// requestPlace reads where a list goes on out of its address.
func requestPlace(r *http.Request) (from lookup.RequestPlace, err error) {
	if text := r.FormValue("before"); text != "" {
		if from.Offset, err = whole(text, "before"); err != nil {
			return from, err
		}
	}
	if text := r.FormValue("refused"); text != "" {
		if from.Refused, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return from, fmt.Errorf("%w: refused is a time such as 2026-01-31T12:00:00Z, got %q", ErrBadRequest, text)
		}
	}
	return from, nil
}

type rejectedListData struct {
	Filter ingest.RejectedFilter
	List   []ingest.RejectedEntry
	Before int64 // where older ones are; 0: there are none
}

// rejectedBodies is the list of bodies that could not go into the log.
func (c *Console) rejectedBodies(r *http.Request) (*page, error) {
	data := rejectedListData{Filter: ingest.RejectedFilter{
		Source: r.FormValue("source"), Code: r.FormValue("code"), Waiting: r.FormValue("waiting") != "",
	}}
	before, err := int64(math.MaxInt64), error(nil)
	if text := r.FormValue("before"); text != "" {
		if before, err = whole(text, "before"); err != nil {
			return nil, err
		}
	}
	if data.List, err = c.config.Rejected.List(r.Context(), data.Filter, before, pageSize); err != nil {
		return nil, err
	}
	if len(data.List) == pageSize {
		data.Before = data.List[pageSize-1].ID
	}
	return &page{Status: http.StatusOK, Template: "rejected_list.html", Title: "Rejected bodies", Data: data}, nil
}

type rejectedData struct {
	ingest.RejectedEntry
	Stays string // why a retry could not put it into the log
}

// rejected is one body that could not go into the log.
func (c *Console) rejected(r *http.Request) (*page, error) {
	return c.showRejected(r, http.StatusOK, "")
}

func (c *Console) showRejected(r *http.Request, status int, stays string) (*page, error) {
	id, err := whole(r.PathValue("id"), "a rejected body's id")
	if err != nil {
		return nil, err
	}
	entry, err := c.config.Rejected.Get(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return &page{
		Status: status, Template: "rejected.html", Title: "Rejected body " + strconv.FormatInt(id, 10),
		Data: rejectedData{entry, stays},
	}, nil
}

// retryRejected tries to put the body into the log, as it came.
func (c *Console) retryRejected(r *http.Request) (*page, error) {
	id, err := whole(r.PathValue("id"), "a rejected body's id")
	if err != nil {
		return nil, err
	}
	receipt, err := c.config.Retry.Run(r.Context(), id)
	switch {
	case err == nil && receipt.Dropped > 0: // the body is there no more
		return redirect("/requests?done=suppressed"), nil
	case err == nil:
		return redirect(fmt.Sprintf("/rejected/%d?done=retried", id)), nil
	}
	if errors.Is(err, app.ErrUnavailable) || errors.Is(err, app.ErrNotFound) {
		return nil, err
	}
	return c.showRejected(r, http.StatusConflict, err.Error())
}
