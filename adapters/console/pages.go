package console

import (
	"fmt"
	"net/http"

	"relay/app"
)

// page is what a route of the console answers: a template with what it shows, or
// where to go next.
type page struct {
	Status   int
	Template string
	Title    string
	Data     any
	Next     string // an address to go to instead; empty: the page is shown
}

// redirect leads to another page.
func redirect(to string) *page { return &page{Next: to} }

// pageRoutes are the console's pages. Each has a function that does what was asked
// for, reads what there is to show, and returns that; respond shows it.
func (c *Console) pageRoutes(to *router) {
	for _, route := range []struct {
		pattern string
		read    func(*http.Request) (*page, error)
	}{
		{"GET /{$}", c.overview},
		{"GET /live", c.live},
		{"GET /log/{offset}", c.entry},
		{"GET /requests", c.requests},
		{"GET /rejected", c.rejectedBodies},
		{"GET /rejected/{id}", c.rejected},
		{"POST /rejected/{id}/retry", c.retryRejected},
		{"GET /people", c.people},
		{"GET /people/show", c.person},
		{"POST /people/forget", c.forgetPerson},
		{"GET /people/suppressed", c.suppressed},
		{"POST /people/suppressed", c.changeSuppressed},
		{"GET /mapping", c.mapping},
		{"POST /mapping", c.changeMapping},
		{"GET /mapping/versions", c.mappingVersions},
		{"POST /mapping/rollback", c.rollbackMapping},
		{"GET /reprojections", c.reprojections},
		{"POST /reprojections", c.changeReprojections},
		{"GET /events", c.events},
		{"GET /settings", c.settings},
		{"POST /settings", c.changeSettings},
		{"POST /settings/try", c.tryKey},
		{"/", c.noPage},
	} {
		to.handle(route.pattern, c.respond(route.read))
	}
	to.handle("GET /live/stream", c.write(c.liveStream))
	to.handle("GET /reprojections/stream", c.write(c.reprojectionStream))
	to.handle("GET /people/export", c.write(c.exportPerson))
}

// respond answers with the page that read returns, or with a page that shows its
// error.
func (c *Console) respond(read func(*http.Request) (*page, error)) http.Handler {
	return c.write(func(w http.ResponseWriter, r *http.Request) error {
		p, err := read(r)
		switch {
		case err != nil:
			return err
		case p.Next != "":
			http.Redirect(w, r, p.Next, http.StatusSeeOther)
		default:
			c.render(w, r, p)
		}
		return nil
	})
}

// write lets do write the answer, and shows its error where there is one.
func (c *Console) write(do func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		if err := do(w, r); err != nil && r.Context().Err() == nil {
			c.renderError(w, r, statusOf(err), err.Error())
		}
	})
}

// conclude answers a button of a page: where something was done, by the page
// anew, which says so; otherwise by what was found, or what is wrong with what
// was asked for.
func conclude(r *http.Request, done string, err error, show func(status int, wrong string) (*page, error)) (*page, error) {
	switch status := statusOf(err); {
	case err != nil && status == http.StatusServiceUnavailable:
		return nil, err
	case err != nil:
		return show(status, err.Error())
	case done != "":
		return redirect(r.URL.Path + "?done=" + done), nil
	}
	return show(http.StatusOK, "")
}

// noPage answers every address that has no page.
func (c *Console) noPage(r *http.Request) (*page, error) {
	return nil, notFound("page " + r.URL.Path)
}

// notFound wraps app.ErrNotFound with what was looked for.
func notFound(what string) error { return fmt.Errorf("%s: %w", what, app.ErrNotFound) }
