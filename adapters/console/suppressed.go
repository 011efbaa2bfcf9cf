package console

import (
	"fmt"
	"net/http"
	"strings"

	"relay/app/erasure"
)

// mostSuppressed is how many suppressed persons a page shows.
const mostSuppressed = 50

type suppressedData struct {
	ID    string // that was looked for
	List  []erasure.SuppressedPerson
	Total int
	Wrong string
}

// suppressed lists whose calls are dropped.
func (c *Console) suppressed(r *http.Request) (*page, error) {
	return c.showSuppressed(r, http.StatusOK, suppressedData{ID: strings.TrimSpace(r.FormValue("id"))})
}

func (c *Console) showSuppressed(r *http.Request, status int, data suppressedData) (_ *page, err error) {
	data.List, data.Total, err = erasure.ListSuppressed(r.Context(), c.config.Suppressor.Store, data.ID, mostSuppressed)
	if err != nil {
		return nil, err
	}
	return &page{Status: status, Template: "suppressed.html", Title: "Suppressed people", Data: data}, nil
}

// changeSuppressed does what the button says.
func (c *Console) changeSuppressed(r *http.Request) (_ *page, err error) {
	if what := r.PostFormValue("do"); what != "lift" {
		err = fmt.Errorf("%w: unknown action %q", ErrBadRequest, what)
	} else {
		err = c.config.Suppressor.Store.RemoveMarked(r.Context(), r.PostFormValue("mark"))
	}
	return conclude(r, "lifted", err, func(status int, wrong string) (*page, error) {
		return c.showSuppressed(r, status, suppressedData{Wrong: wrong})
	})
}
