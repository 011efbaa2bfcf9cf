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
func (c Config) suppressed(w http.ResponseWriter, r *http.Request) error {
	return c.showSuppressed(w, r, http.StatusOK, suppressedData{ID: strings.TrimSpace(r.FormValue("id"))})
}

func (c Config) showSuppressed(w http.ResponseWriter, r *http.Request, status int, data suppressedData) (err error) {
	data.List, data.Total, err = erasure.ListSuppressed(r.Context(), c.Suppressor.Store, data.ID, mostSuppressed)
	if err != nil {
		return err
	}
	c.render(w, r, status, "suppressed.html", "Suppressed people", data)
	return nil
}

// changeSuppressed does what the button says.
func (c Config) changeSuppressed(w http.ResponseWriter, r *http.Request) (err error) {
	if what := r.PostFormValue("do"); what != "lift" {
		err = fmt.Errorf("%w: there is nothing to do called %q", ErrBadRequest, what)
	} else {
		err = c.Suppressor.Store.RemoveMarked(r.Context(), r.PostFormValue("mark"))
	}
	return conclude(w, r, "lifted", err, func(status int, wrong string) error {
		return c.showSuppressed(w, r, status, suppressedData{Wrong: wrong})
	})
}
