package main

import (
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"relay/cmd/internal/browser"
)

// TestAnalyticsBrowser sends with the library for browsers, from a page in a
// real one. What the page had not delivered when it was left comes on the way
// out, or from the next page.
func TestAnalyticsBrowser(t *testing.T) {
	t.Parallel()
	chromium := findChromium(t)
	folder := nodeModules(t)
	for strategy, want := range map[string]string{
		"standard": "/v1/a /v1/g /v1/i /v1/p /v1/s /v1/t",
		"batching": "/v1/b",
	} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			relay, key := forClients(t)
			db := relay.open()
			address := fixedAddress(t)
			server := relay.serve("--listen", address)
			page := newCustomerPage(t, folder)
			page.openIn(chromium, url.Values{"address": {address}, "writeKey": {key}, "strategy": {strategy}})
			for range 2 {
				page.calls(5)
				server.kill()
				page.calls(5)
				server = relay.serve("--listen", address)
			}
			page.calls(5)
			page.awaitArrival(db)
			page.calls(1)
			page.do("reload")
			if strategy == "standard" {
				server.kill()
				page.calls(1)
				page.do("reload") // before any of that can be delivered
				relay.serve("--listen", address)
			}
			page.calls(1)
			page.do("stop")
			page.awaitArrival(db)
			settled(t, db)
			page.told.check(t, db)
			if got := routes(t, db); got != want {
				t.Errorf("posted to %s, want %s", got, want)
			}
			relay.must("verify")
		})
	}
}

// customerPage is a page with Segment's library, and the server that it comes
// from, which is all that the browser can reach beside relay.
type customerPage struct {
	t    *testing.T
	site *httptest.Server
	told deliveries  // the calls that were made: all of them must arrive
	next chan string // what the page is to do
}

func newCustomerPage(t *testing.T, folder string) *customerPage {
	p := &customerPage{t: t, next: make(chan string)}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir(folder)))
	mux.Handle("GET /umd/", http.StripPrefix("/umd/", http.FileServer(http.Dir(filepath.Join(folder, "node_modules/@segment/analytics-next/dist/umd")))))
	mux.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case what := <-p.next:
			_, _ = io.WriteString(w, what) // a page that is gone asks again
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /made", p.takeMade)
	mux.HandleFunc("POST /failed", func(_ http.ResponseWriter, r *http.Request) {
		what, _ := io.ReadAll(r.Body) // what there is of it is enough
		p.told.lose("the page failed: %s", what)
	})
	p.site = httptest.NewServer(mux)
	return p
}

func (p *customerPage) takeMade(_ http.ResponseWriter, r *http.Request) {
	var calls []sentCall
	if err := json.NewDecoder(r.Body).Decode(&calls); err != nil {
		p.told.lose("the page told of no calls: %v", err)
	}
	for _, c := range calls {
		p.told.add(c)
	}
}

// do waits until the page is done with what came before, and lets it do
// something.
func (p *customerPage) do(what string) {
	p.t.Helper()
	select {
	case p.next <- what:
	case <-time.After(time.Minute):
		p.t.Fatalf("waited a minute for the page to ask what comes next; it said: %v", p.told.lost)
	}
}

// calls lets the page make calls of all types, several times.
func (p *customerPage) calls(times int) {
	p.t.Helper()
	for range times {
		p.do("calls")
	}
}

// awaitArrival waits until all calls that were made are in the log.
func (p *customerPage) awaitArrival(db *sql.DB) {
	p.t.Helper()
	waitFor(p.t, "all calls of the page to be in the log", func() bool {
		arrived := messageIDs(p.t, db)
		p.told.mu.Lock()
		defer p.told.mu.Unlock()
		for _, c := range p.told.delivered {
			if arrived[c.ID] == 0 {
				return false
			}
		}
		return true
	})
}

// openIn opens the page in a new browser, which can find no other host.
func (p *customerPage) openIn(chromium string, parameters url.Values) {
	p.t.Helper()
	profile := p.t.TempDir()
	args := []string{
		"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + profile,
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // root has to
	}
	command := exec.Command(chromium, append(args, p.site.URL+"/page.html?"+parameters.Encode())...)
	said := &lines{}
	command.Stdout, command.Stderr = said, said
	command.Env = append(os.Environ(), "HOME="+profile)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { command.Wait(); close(ended) }()
	p.t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
		}
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // what it left
		<-ended
		p.site.CloseClientConnections()
		p.site.Close()
		if p.t.Failed() {
			p.t.Logf("the browser said: %s", said)
		}
	})
}

func findChromium(t *testing.T) string {
	t.Helper()
	chromium, err := browser.Find()
	if err != nil {
		t.Skip(err)
	}
	return chromium
}
