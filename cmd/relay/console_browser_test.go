package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"relay/cmd/internal/browser"
)

// tab is a page of a browser that can reach nothing but this machine.
type tab struct {
	t   *testing.T
	ctx context.Context
	at  string // the console's address
}

func newTab(t *testing.T, at string) *tab {
	t.Helper()
	ctx, stop := browser.Open(context.Background(), findChromium(t), t.TempDir())
	t.Cleanup(stop)
	b := &tab{t, ctx, at}
	b.open("/")
	if err := browser.Focus(ctx); err != nil {
		t.Fatal(err)
	}
	return b
}

// do runs what a person does.
func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.at+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// menu clicks an entry of the menu.
func (b *tab) menu(name string) {
	b.t.Helper()
	b.click(`//header//a[text()="` + name + `"]`)
	b.sees("h1", name)
}

// click clicks the element, and searches again if another page was loaded meanwhile.
func (b *tab) click(xpath string) {
	b.t.Helper()
	var err error
	for range 20 {
		err = chromedp.Do(b.ctx, chromedp.Click(chromedp.Search(xpath)))
		if err == nil || !strings.Contains(err.Error(), "Could not find node") {
			break
		}
	}
	if err != nil {
		b.t.Fatalf("click %s: %v", xpath, err)
	}
}

func (b *tab) fill(id, text string) {
	b.t.Helper()
	b.do("fill in "+id, chromedp.SetValue(chromedp.CSS("#"+id), text))
}

// sees waits until the text is on the page, in an element that the selector
// chooses.
func (b *tab) sees(selector, text string) {
	b.t.Helper()
	if err := browser.Await(b.ctx, selector, text); err != nil {
		b.t.Fatal(err)
	}
}

// TestConsoleInBrowser is the connector document's walk-through by clicks, from
// an empty database to a person under a changed mapping, and what goes wrong on
// the way.
func TestConsoleInBrowser(t *testing.T) {
	t.Parallel()
	findChromium(t)
	relay := newInstance(t)
	address := fixedAddress(t)
	server := relay.serve("--admin-listen", address)
	b := newTab(t, server.admin)
	b.open("/")
	b.sees("main", "Nothing has arrived yet")

	b.menu("Keys and settings")
	b.fill("new-name", "shop")
	b.click(`//button[text()="Create key"]`)
	b.sees(".done", "rk_")
	b.click(`//button[text()="Send two test calls"]`)
	b.sees(".done", "Relay accepted both calls")
	b.sees("#live-state", "Calls appear as they arrive.")
	b.sees("#calls", "97980cfea0067")
	b.click(`//button[@id="pause"]`)
	server.send(registered)
	b.sees("#live-state", "Paused; more calls have arrived.")
	b.click(`//button[@id="pause"]`)
	b.sees("#calls", "2.0")
	b.click(`//a[text()="1.0"]`)
	b.sees("#made, section", "peter@example.com")
	b.click(`//a[text()="the person"]`)
	b.sees("h1", "Person 97980cfea0067")
	b.menu("Requests")
	b.sees("td", "offset 2")

	b.menu("Mapping")
	b.do("switch the prefix on", chromedp.Click(chromedp.CSS("#prefixed")))
	b.fill("preference-language", "language")
	b.fill("channel-slack_email-0", "slack_email")
	b.click(`//button[text()="Preview"]`)
	b.sees("#preview", "channel slack_email: values added")
	b.fill("note", "Slack too")
	other := newTab(t, server.admin)
	other.open("/mapping")
	b.click(`//button[text()="Save and re-project"]`)
	b.sees("h1", "Re-projections")
	b.sees("td", "done")
	b.menu("People")
	b.fill("q", "peter@work.example.com")
	b.click(`//button[text()="Search"]`)
	b.click(`//a[text()="97980cfea0067"]`)
	b.sees("section", "slack_email")
	b.sees("section", "segment : User Registered")
	b.menu("Events")
	b.sees("td", "segment : User Registered")

	other.fill("channel-whatsapp-0", "whatsapp")
	other.click(`//button[starts-with(text(), "Save for new payloads")]`)
	other.sees(".error", "Slack too")
	other.sees(".error", "Nothing was overwritten")
	other.open("/mapping?as=yaml")
	other.fill("yaml", "channels: {pigeon: x}")
	other.click(`//button[text()="Preview"]`)
	other.sees(".error", "Nothing was saved")

	b.menu("Live")
	b.sees("#live-state", "Calls appear as they arrive.")
	server.kill()
	b.sees("#live-state", "The connection to relay is lost")
	server = relay.serve("--admin-listen", address)
	server.send(moved)
	b.sees("#calls", "97980cfea0067")

	b.menu("Mapping")
	c := relay.command("admin", "set-password")
	c.Stdin = strings.NewReader("correct horse")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("set-password: %v, %s", err, out)
	}
	b.click(`//button[text()="Preview"]`)
	b.sees(".error", "The session has ended")
	b.open("/requests")
	b.fill("password", "correct horse")
	b.click(`//button[text()="Log in"]`)
	b.sees("h1", "Requests")
	b.click(`//button[text()="Log out"]`)
	b.sees("h1", "Log in")
}

// TestConsoleAccessible: axe finds nothing serious on any page, light or dark,
// narrow or wide.
func TestConsoleAccessible(t *testing.T) {
	t.Parallel()
	findChromium(t)
	axe, err := os.ReadFile(filepath.Join(nodeModules(t), "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatalf("read axe: %v (make clients installs it)", err)
	}
	relay := newInstance(t)
	server := relay.serve()
	for _, payload := range []string{peter, registered} {
		server.send(payload)
	}
	server.post("no JSON")
	settled(t, relay.open())
	relay.must("keys", "create", "shop")
	relay.must("forget", "milton-77", "--suppress")
	relay.must("readers", "create", newRole(t, relay.open()))
	server.form("/mapping", storyForm("reproject", "1"))
	waitFor(t, "the run's end, and its tidying up", func() bool {
		status, _, _ := server.form("/reprojections", url.Values{"do": {"verify-all"}})
		return status == 200
	})
	server.checkEnds("verification", "done")
	b := newTab(t, server.admin)
	for _, path := range []string{
		"/", "/live", "/log/1", "/requests", "/rejected", "/rejected/1", "/people?q=97980", "/people/show?id=97980cfea0067", "/people/suppressed", "/mapping", "/mapping?as=yaml",
		"/mapping/versions", "/reprojections", "/events?" + url.Values{"name": {"User Registered"}}.Encode(), "/settings", "/login", "/nothing",
	} {
		b.open(path)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{390, 1280} {
				b.do("look at "+path, chromedp.EmulateViewport(width, 900), chromedp.Evaluate[chromedp.Void](string(axe)))
				if err := browser.Prefer(b.ctx, scheme); err != nil {
					t.Fatal(err)
				}
				found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](axeSays, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatalf("look at %s: %v", path, err)
				}
				if found != "" {
					t.Errorf("%s, %s, %d wide: %s", path, scheme, width, found)
				}
			}
		}
	}
}

// axeSays is what axe finds serious or worse.
const axeSays = `axe.run().then(r => r.violations.filter(v => ["serious", "critical"].includes(v.impact))
	.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html).join(" ")).join("\n"))`
