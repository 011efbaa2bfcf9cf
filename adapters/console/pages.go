package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"path"
	"strings"

	"relay/app"
)

//go:embed templates
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// page is what the layout shows around each page's own data.
type page struct {
	Title   string
	Here    string // path of the part of the console that it belongs to
	Session bool   // whether there is one to end
	Live    bool   // whether the reader was let in
	Done    string // what was done just now
	Data    any
}

// navigation are the parts of the console, in the order of its menu.
var navigation = []struct{ Path, Name string }{
	{"/", "Overview"}, {"/live", "Live"}, {"/requests", "Requests"}, {"/people", "People"}, {"/mapping", "Mapping"}, {"/reprojections", "Re-projections"},
	{"/events", "Events"}, {"/settings", "Keys and settings"},
}

var templates = parseTemplates()

// parseTemplates gives each page the layout and the parts that several use.
func parseTemplates() map[string]*template.Template {
	list, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // they are embedded
	}
	all := map[string]*template.Template{}
	for _, file := range list {
		if name := file.Name(); name != "layout.html" && name != "parts.html" {
			all[name] = template.Must(template.New("layout.html").Funcs(functions).
				ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/"+name))
		}
	}
	return all
}

// pageRoutes are the console's pages.
func (c Config) pageRoutes(mux *router) {
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}": c.overview, "GET /live": c.live, "GET /live/stream": c.liveStream, "GET /log/{offset}": c.entry,
		"GET /requests": c.requests, "GET /rejected": c.rejectedBodies, "GET /rejected/{id}": c.rejected, "POST /rejected/{id}/retry": c.retryRejected,
		"GET /people": c.people, "GET /people/show": c.person, "GET /people/export": c.exportPerson, "POST /people/forget": c.forgetPerson,
		"GET /people/suppressed": c.suppressed, "POST /people/suppressed": c.changeSuppressed,
		"GET /mapping": c.mapping, "POST /mapping": c.changeMapping, "GET /mapping/versions": c.mappingVersions, "POST /mapping/rollback": c.rollbackMapping,
		"GET /reprojections": c.reprojections, "POST /reprojections": c.changeReprojections, "GET /reprojections/stream": c.reprojectionStream,
		"GET /events": c.events, "GET /settings": c.settings, "POST /settings": c.changeSettings, "POST /settings/try": c.tryKey,
	} {
		mux.HandleFunc(pattern, c.handle(handle))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.renderError(w, r, http.StatusNotFound, "There is no page "+r.URL.Path+".")
	})
}

// handle shows the error of a page where there is one.
func (c Config) handle(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		if err := do(w, r); err != nil && r.Context().Err() == nil {
			c.renderError(w, r, statusOf(err), err.Error())
		}
	}
}

// conclude answers a button of a page: where something was done, by the page
// anew, which says so; otherwise by what was found, or what is wrong with what
// was asked for.
func conclude(w http.ResponseWriter, r *http.Request, done string, err error, show func(status int, wrong string) error) error {
	switch status := statusOf(err); {
	case err != nil && status == http.StatusServiceUnavailable:
		return err
	case err != nil:
		return show(status, err.Error())
	case done != "":
		http.Redirect(w, r, r.URL.Path+"?done="+done, http.StatusSeeOther)
		return nil
	}
	return show(http.StatusOK, "")
}

// render writes a page, whole or not at all.
func (c Config) render(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	p := page{Title: title, Here: partOf(r.URL.Path), Session: hasSession(r), Live: r.Context().Value(inSession{}) != nil, Done: doneTexts[r.URL.Query().Get("done")], Data: data}
	var out bytes.Buffer
	if err := templates[name].Execute(&out, p); err != nil {
		c.Logger.Error("a page of the console could not be made", "page", name, "error", err)
		http.Error(w, "The page could not be made; relay's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the reader may be gone
}

type errorData struct {
	Status        int
	Text, Message string
}

func (c Config) renderError(w http.ResponseWriter, r *http.Request, status int, message string) {
	c.render(w, r, status, "error.html", http.StatusText(status), errorData{status, http.StatusText(status), message})
}

// fragment renders one template of a page, for streams.
func fragment(page, name string, data any) (string, error) {
	var out strings.Builder
	err := templates[page].ExecuteTemplate(&out, name, data)
	return out.String(), err
}

// partOf returns the menu's entry that a path belongs to.
func partOf(p string) string {
	switch first := "/" + strings.SplitN(strings.TrimPrefix(p, "/"), "/", 2)[0]; first {
	case "/log":
		return "/live"
	case "/rejected":
		return "/requests"
	default:
		return first
	}
}

// doneTexts are what a page says after a change; the address names one of them.
var doneTexts = map[string]string{
	"retried": "The body is in the log now.", "suppressed": "The calls of people who are suppressed were dropped, and the body is kept no more. What others sent in it is in the log.",
	"saved": "Saved: the mapping holds for what arrives from now on.", "unchanged": "Nothing to save: this mapping is in force already.",
	"started": "The re-projection was started; below is how far it is.", "cancelled": "Cancelled: what people query is as it was.", "nothing": "Nothing was running.",
	"checking": "Started: it goes on if this page is left, and what it finds stays here until something else is started.",
	"tried":    "Relay took both calls in. Click the number of one to see what was made of it.",
	"unread":   "Removed: the reader can read nothing any more.",
	"lifted":   "Lifted: what is sent of the person is taken in again, within two seconds.",
	"dropped":  "Removed: the last re-projection can be undone no longer.",
	"revoked":  "The key is refused from now on, within a second.", "secret": "The signing secret is accepted from now on, within a second.",
	"unsigned": "The signing secret is accepted no longer, within a second.", "rolledback": "Rolled back: that version holds for what arrives from now on.",
}

// assets serves the style sheet and the script.
func assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := assetFiles.ReadFile(strings.TrimPrefix(path.Clean(r.URL.Path), "/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		tag := fmt.Sprintf(`"%x"`, sha256.Sum256(data))
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(r.URL.Path)))
		_, _ = w.Write(data) // the reader may be gone
	})
}

// notFound wraps app.ErrNotFound with what was looked for.
func notFound(what string) error { return fmt.Errorf("%s: %w", what, app.ErrNotFound) }
