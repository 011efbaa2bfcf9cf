package console

import (
	"errors"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"relay/app"
	"relay/app/erasure"
	"relay/app/ingest"
	"relay/app/lookup"
	"relay/app/replay"
)

// gate lets in who may see the console. Without a password it is open on a
// loopback address, to this machine alone; with one it asks for it everywhere,
// since a proxy on this machine can make anybody look local.
type gate struct {
	console  *Console
	sessions *sessions
	attempts *attempts
	behind   http.Handler
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash, err := g.console.config.Password.Hash(r.Context())
	switch {
	case err != nil:
		g.refuse(w, r, http.StatusServiceUnavailable,
			"The database does not answer, so nobody can be let in. Try again when it is back: "+err.Error())
	case hash == "" && !isLocal(r):
		g.refuse(w, r, http.StatusForbidden, "Without a password the console is open on a loopback address only, and this request is for "+r.Host+
			". Set one with relay admin set-password or RELAY_ADMIN_PASSWORD, or use the relay command, or a tunnel to 127.0.0.1.")
	case hash == "" || g.sessions.has(r, hash):
		g.letIn(w, r, hash)
	default:
		g.askPassword(w, r, hash)
	}
}

func (g *gate) letIn(w http.ResponseWriter, r *http.Request, hash string) {
	g.behind.ServeHTTP(w, r.WithContext(withSession(r.Context(), hash != "")))
}

// askPassword lets programs in, which send the password with each request by
// Basic authentication, and leads people to the login page.
func (g *gate) askPassword(w http.ResponseWriter, r *http.Request, hash string) {
	if _, password, given := r.BasicAuth(); given {
		right, wait := g.attempts.try(r, func() bool { return g.console.config.Password.Matches(hash, password) })
		if right {
			g.letIn(w, r, hash)
			return
		}
		if wait > 0 {
			g.refuseForNow(w, r, wait)
			return
		}
	}
	switch {
	case isAPI(r) || r.Method != http.MethodGet:
		g.refuse(w, r, http.StatusUnauthorized, "The session has ended, or there was none; nothing was changed. Log in, and try again.")
	default:
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	}
}

// refuseForNow answers who gave too many wrong passwords.
func (g *gate) refuseForNow(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", seconds)
	g.refuse(w, r, http.StatusTooManyRequests, "Too many wrong passwords came from this address. The next one is looked at in "+seconds+" s.")
}

func (g *gate) refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	if isAPI(r) {
		writeJSON(w, status, map[string]string{"error": message})
		return
	}
	g.console.renderError(w, r, status, message)
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }

type loginData struct {
	Next  string
	Wrong bool
}

func (g *gate) showLogin(w http.ResponseWriter, r *http.Request) {
	g.console.render(w, r, &page{
		Status: http.StatusOK, Template: "login.html", Title: "Log in",
		Data: loginData{Next: localPath(r.FormValue("next"))},
	})
}

func (g *gate) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	next := localPath(r.PostFormValue("next"))
	hash, err := g.console.config.Password.Hash(r.Context())
	if err != nil {
		g.console.renderError(w, r, statusOf(err), err.Error())
		return
	}
	right, wait := g.attempts.try(r, func() bool { return g.console.config.Password.Matches(hash, r.PostFormValue("password")) })
	if wait > 0 {
		g.refuseForNow(w, r, wait)
		return
	}
	if !right {
		g.console.render(w, r, &page{
			Status: http.StatusUnauthorized, Template: "login.html", Title: "Log in",
			Data: loginData{Next: next, Wrong: true},
		})
		return
	}
	http.SetCookie(w, g.sessions.begin(r, hash))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (g *gate) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, g.sessions.end(r))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath is a path of the console, whatever was asked for: nobody is to be
// led elsewhere.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	return next
}

// guarded keeps web pages of other origins away from what changes something, and
// tells browsers to run and load nothing but what relay sends.
func guarded(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusForbidden, map[string]string{
			"error": "cross-origin request: changes are taken from the console's own pages only",
		})
	}))
	inner := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range safeHeaders {
			w.Header().Set(name, value)
		}
		inner.ServeHTTP(w, r)
	})
}

var safeHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options": "nosniff",
	"X-Frame-Options":        "DENY",
	"Referrer-Policy":        "same-origin",
	"Cache-Control":          "no-store",

	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// isLocal tells whether a request comes from this machine, for a name of this
// machine that nobody else can point here, and through no proxy.
func isLocal(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	return isLoopback(r.Host) && isLoopback(r.RemoteAddr)
}

func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// statusOf returns the HTTP status that fits an error.
func statusOf(err error) int {
	var tooLarge *http.MaxBytesError
	var outdated *replay.OutdatedPlan
	switch {
	case errors.Is(err, ErrBadRequest), errors.Is(err, replay.ErrBadFrom), errors.Is(err, ingest.ErrBadKeyName),
		errors.Is(err, lookup.ErrBadSQLUserName):
		return http.StatusBadRequest
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, app.ErrNotFound):
		return http.StatusNotFound
	case errors.As(err, &outdated), errors.Is(err, replay.ErrBusy), errors.Is(err, replay.ErrNothingToResume),
		errors.Is(err, replay.ErrCannotUndo), errors.Is(err, app.ErrOtherVersion), errors.Is(err, app.ErrReplaced),
		errors.Is(err, ingest.ErrExists), errors.Is(err, erasure.ErrBehind), errors.Is(err, lookup.ErrMayNotMakeUsers):
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}
