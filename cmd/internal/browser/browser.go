// Package browser opens pages in a headless Chromium that reaches nothing but
// this machine: for the tests and the pictures of the console.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// ErrNone says that there is no Chromium.
var ErrNone = errors.New("no Chromium is on PATH: install the package chromium, or Chrome")

// Find returns the path of a Chromium, or ErrNone.
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// Open makes a browser with a page, which run with the context until stop. The
// profile is a folder for what the browser keeps.
func Open(ctx context.Context, chromium, profile string) (page context.Context, stop func()) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.UserDataDir(profile), chromedp.WindowSize(1280, 1000),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has to
	}
	allocator, stopBrowser := chromedp.NewExecAllocator(ctx, options...)
	page, closePage := chromedp.NewContext(allocator)
	return page, func() { closePage(); stopBrowser() }
}

// patience is how long a text may take to appear.
const patience = time.Minute

// Await waits until the text is on the page, in an element that the selector
// chooses, whatever page comes meanwhile.
func Await(page context.Context, selector, text string) error {
	expression := `[...document.querySelectorAll(` + quoted(selector) + `)].some(e => e.innerText.includes(` + quoted(text) + `))`
	deadline := time.Now().Add(patience)
	for {
		found, err := chromedp.Run(page, chromedp.Evaluate[bool](expression)) // fails while a page goes
		if err == nil && found {
			return nil
		}
		if time.Now().After(deadline) {
			body, _ := chromedp.Run(page, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`)) // it says more
			return errors.Join(fmt.Errorf("no %q in %s:\n%s", text, selector, body), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func quoted(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

// Focus makes a page behave as one that a person works in, whatever window is in
// front: without that, Chromium tells it of no change of focus.
func Focus(page context.Context) error {
	_, err := chromedp.Call(page, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return err
}

// Prefer makes a page prefer light or dark.
func Prefer(page context.Context, scheme string) error {
	_, err := chromedp.Call(page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return err
}
