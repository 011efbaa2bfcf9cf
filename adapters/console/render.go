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
	{"/", "Overview"}, {"/live", "Live"}, {"/requests", "Requests"}, {"/people", "People"},
	{"/mapping", "Mapping"}, {"/reprojections", "Re-projections"},
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
	l := layout{
		Title: p.Title, Here: partOf(r.URL.Path), Session: hasSession(r), LetIn: wasLetIn(r),
		Done: doneTexts[r.URL.Query().Get("done")], Data: p.Data,
	}
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
	"retried":    "The body is in the log now.",
	"suppressed": "The body is in the log now, without the calls of suppressed people.",
	"saved":      "Saved. The new version applies to payloads that arrive from now on.",
	"unchanged":  "Nothing to save: this mapping is active already.",
	"started":    "The re-projection has started.",
	"cancelled":  "Cancelled. Queries see the same rows as before.",
	"nothing":    "Nothing was running.",
	"checking":   "Started. It continues if you leave this page, and its result stays here until something else is started.",
	"tried":      "Relay accepted both calls. Click the number of one to see its rows.",
	"unread":     "Removed. The user can read nothing any more.",
	"lifted":     "Lifted. Within two seconds, calls of the person are accepted again.",
	"dropped":    "Removed. The last re-projection can no longer be undone.",
	"revoked":    "Revoked. Within a second, requests with the key are rejected.",
	"secret":     "Added. Within a second, requests signed with the secret are accepted.",
	"unsigned":   "Removed. Within a second, requests signed with the secret are rejected.",
	"rolledback": "Rolled back. That version applies to payloads that arrive from now on.",
}
