package console

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// layout is what the layout's template shows around each page's own data.
type layout struct {
	Title   string
	Here    string // path of the part of the console that the page belongs to
	Session bool   // whether there is a session to end
	LetIn   bool   // whether the gate let the request in
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

// render writes a page, whole or not at all.
func (c *Console) render(w http.ResponseWriter, r *http.Request, p *page) {
	l := layout{Title: p.Title, Here: partOf(r.URL.Path), Session: hasSession(r), LetIn: wasLetIn(r), Done: doneTexts[r.URL.Query().Get("done")], Data: p.Data}
	var out bytes.Buffer
	if err := templates[p.Template].Execute(&out, l); err != nil {
		c.config.Logger.Error("a page of the console could not be made", "page", p.Template, "error", err)
		http.Error(w, "The page could not be made; relay's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	_, _ = w.Write(out.Bytes()) // the reader may be gone
}

type errorData struct {
	Status        int
	Text, Message string
}

func (c *Console) renderError(w http.ResponseWriter, r *http.Request, status int, message string) {
	text := http.StatusText(status)
	c.render(w, r, &page{Status: status, Template: "error.html", Title: text, Data: errorData{status, text, message}})
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
