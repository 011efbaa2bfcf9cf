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
func (c Config) requests(w http.ResponseWriter, r *http.Request) error {
	data := requestsData{Filter: lookup.RequestFilter{
		Source: r.FormValue("source"), Outcome: r.FormValue("outcome"), ID: strings.TrimSpace(r.FormValue("id")),
	}}
	from, err := requestPlace(r)
	if err != nil {
		return err
	}
	data.Older = from != lookup.RequestPlace{}
	if data.List, err = c.Requests.Requests(r.Context(), data.Filter, from, pageSize); err != nil {
		return err
	}
	c.render(w, r, http.StatusOK, "requests.html", "Requests", data)
	return nil
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
func (c Config) rejectedBodies(w http.ResponseWriter, r *http.Request) error {
	data := rejectedListData{Filter: ingest.RejectedFilter{Source: r.FormValue("source"), Code: r.FormValue("code"), Waiting: r.FormValue("waiting") != ""}}
	before, err := int64(math.MaxInt64), error(nil)
	if text := r.FormValue("before"); text != "" {
		if before, err = whole(text, "before"); err != nil {
			return err
		}
	}
	if data.List, err = c.Rejected.List(r.Context(), data.Filter, before, pageSize); err != nil {
		return err
	}
	if len(data.List) == pageSize {
		data.Before = data.List[pageSize-1].ID
	}
	c.render(w, r, http.StatusOK, "rejected_list.html", "Rejected bodies", data)
	return nil
}

type rejectedData struct {
	ingest.RejectedEntry
	Stays string // why a retry could not put it into the log
}

// rejected is one body that could not go into the log.
func (c Config) rejected(w http.ResponseWriter, r *http.Request) error {
	return c.showRejected(w, r, http.StatusOK, "")
}

func (c Config) showRejected(w http.ResponseWriter, r *http.Request, status int, stays string) error {
	id, err := whole(r.PathValue("id"), "a rejected body's id")
	if err != nil {
		return err
	}
	entry, err := c.Rejected.Get(r.Context(), id)
	if err != nil {
		return err
	}
	c.render(w, r, status, "rejected.html", "Rejected body "+strconv.FormatInt(id, 10), rejectedData{entry, stays})
	return nil
}

// retryRejected tries to put the body into the log, as it came.
func (c Config) retryRejected(w http.ResponseWriter, r *http.Request) error {
	id, err := whole(r.PathValue("id"), "a rejected body's id")
	if err != nil {
		return err
	}
	receipt, err := c.Retry.Run(r.Context(), id)
	switch {
	case err == nil && receipt.Dropped > 0: // the body is there no more
		http.Redirect(w, r, "/requests?done=suppressed", http.StatusSeeOther)
		return nil
	case err == nil:
		http.Redirect(w, r, fmt.Sprintf("/rejected/%d?done=retried", id), http.StatusSeeOther)
		return nil
	}
	if errors.Is(err, app.ErrUnavailable) || errors.Is(err, app.ErrNotFound) {
		return err
	}
	return c.showRejected(w, r, http.StatusConflict, err.Error())
}
