package main

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"

	"relay/cmd/internal/browser"
)

// camera pictures pages in one tab.
type camera struct {
	page   context.Context
	relay  *relay
	out    string // folder
	height int    // at most, of a picture; 0: as high as the page
}

// view is a page, and what to do on it before it is pictured.
type view struct {
	name, path string
	steps      []step
	sees       string // a text that is there then
}

type step = chromedp.Action[chromedp.Void]

func click(xpath string) step { return chromedp.Click(chromedp.Search(xpath)) }

func fill(id, text string) step { return chromedp.SetValue(chromedp.CSS("#"+id), text) }

// peter is the person whose page is pictured.
const peter = "97980cfea0067"

var views = []view{
	{name: "overview", path: "/", sees: "The last hour"},
	{name: "live", path: "/live", sees: "Calls appear as they arrive."},
	{name: "call", path: "/live?type=identify&person=u_1044", steps: []step{click(`//tbody/tr[last()]//a`)}, sees: "What was made of it"},
	{name: "requests", path: "/requests?outcome=refused", sees: "bad_signature"},
	{name: "rejected", path: "/rejected", sees: "no_usable_call"},
	{name: "people", path: "/people?q=plan%3Dpremium", sees: "Last email"},
	{name: "person", path: "/people/show?id=" + peter, sees: "Last events"},
	{name: "mapping", path: "/mapping", sees: "Calls that become events"},
	{name: "mapping-yaml", path: "/mapping?as=yaml", sees: "Mapping file"},
	{name: "mapping-preview", path: "/mapping", steps: []step{
		fill("prefix", "shop : "), fill("channel-whatsapp-0", "whatsapp"), click(`//button[text()="Preview"]`),
	}, sees: "What would change"},
	{name: "mapping-versions", path: "/mapping/versions?a=1&b=3", sees: "From version 1 to version 3"},
	{name: "reprojections", path: "/reprojections", steps: []step{click(`//button[text()="Verify, everything"]`)}, sees: "among all rows"},
	{name: "events", path: "/events?name=segment+%3A+Product+Viewed", sees: "Properties of"},
	{name: "settings", path: "/settings", sees: "warehouse"},
}

// Pages that are pictured dark, and as wide as a phone, too.
var dark, phone = []string{"overview", "call", "mapping-preview"}, []string{"overview", "live", "person"}

// phoneWidth is how many pixels of a page a phone is wide.
const phoneWidth = 390

// all pictures every page. The login page comes last, since the password that it
// needs is asked for on every page from then on.
func (c *camera) all() error {
	for _, v := range views {
		if err := c.show(v, "", "light", 1280); err != nil {
			return err
		}
	}
	for _, name := range dark {
		if err := c.show(viewNamed(name), "-dark", "dark", 1280); err != nil {
			return err
		}
	}
	for _, name := range phone {
		if err := c.show(viewNamed(name), "-phone", "light", phoneWidth); err != nil {
			return err
		}
	}
	if _, err := c.relay.run(c.page, password+"\n", "admin", "set-password"); err != nil {
		return err
	}
	return c.show(view{name: "login", path: "/", sees: "Password"}, "", "light", 1280)
}

func viewNamed(name string) view {
	for _, v := range views {
		if v.name == name {
			return v
		}
	}
	panic("no view is called " + name)
}

// show pictures one page.
func (c *camera) show(v view, suffix, scheme string, width int64) error {
	fail := func(err error) error { return fmt.Errorf("picture %s%s: %w", v.name, suffix, err) }
	window := chromedp.EmulateViewport(width, 900)
	if width <= phoneWidth {
		window = chromedp.EmulateViewport(width, 844, chromedp.EmulateMobile)
	}
	if err := browser.Prefer(c.page, scheme); err != nil {
		return fail(err)
	}
	open := []step{window, chromedp.Navigate("http://" + c.relay.Admin + v.path), chromedp.WaitReady(chromedp.CSS("main"))}
	steps := append(open, v.steps...)
	if err := chromedp.Do(c.page, steps...); err != nil {
		return fail(err)
	}
	if err := browser.Await(c.page, "main", v.sees); err != nil {
		return fail(err)
	}
	time.Sleep(settling)
	picture, err := c.take(width)
	if err != nil {
		return fail(err)
	}
	return c.write(v.name+suffix, picture)
}

// settling is how long a page's streams get to send what they have.
const settling = 400 * time.Millisecond
