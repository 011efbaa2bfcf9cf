package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestConsoleChecksInBrowser: a check of everything is followed from any tab, and
// when the page was left, and what it finds stays. What has the focus on the page
// changes once it has it no longer.
func TestConsoleChecksInBrowser(t *testing.T) {
	t.Parallel()
	findChromium(t)
	server, db := toCheck(t)
	b, other := newTab(t, server.admin), newTab(t, server.admin)
	other.open("/reprojections")
	held := execer(t, db)
	if err := held.Exec(`SELECT FROM relay_store.generations WHERE status = 'serving' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	b.open("/reprojections")
	b.click(`//button[text()="Verify, everything"]`)
	b.sees(".done", "Started. It continues if you leave this page")
	b.sees("article", "A verification of everything is running")
	other.sees("article", "comparing profiles")
	b.open("/events")
	b.open("/reprojections")
	b.sees("article", "A verification of everything is running")
	b.do("focus the button", chromedp.Evaluate[chromedp.Void](`document.querySelector("article button").focus()`))
	other.click(`//article//button[text()="Cancel"]`)
	other.sees(".done", "Cancelled. Queries see the same rows as before.")
	other.sees("section", "cancelled after")
	b.sees("article", "A verification of everything is running")
	b.do("leave the button", chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	b.sees("section", "cancelled after")

	b.click(`//button[text()="Dry run, everything"]`)
	b.sees("article", "A dry run of everything is running")
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	b.sees("section", "channel slack_email: values added")
	other.sees("section", "channel slack_email: values added")
	b.open("/reprojections")
	b.sees("section", "based on everything")

	b.click(`//button[text()="Verify, everything"]`)
	b.sees("section", "no difference")
	other.sees("section", "no difference")
}
