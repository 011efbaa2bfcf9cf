package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"relay/adapters/console"
)

const (
	// ofBrowsers is what only a browser needs: commands ask for no password.
	ofBrowsers = ""
	// ofSenders is what senders do: relay prints a curl that does it too.
	ofSenders = ""
)

// commandOf says for each route of the console that changes something, with the
// button where a page has several, which command does it, and with which flags.
var commandOf = map[string]string{
	"POST /login": ofBrowsers, "POST /logout": ofBrowsers,

	"POST /rejected/{id}/retry": "rejected retry",

	"POST /people/forget":          "forget --suppress",
	"POST /people/suppressed lift": "suppressed lift --mark",

	"POST /mapping preview":   "mapping preview",
	"POST /mapping save":      "mapping apply --note --base",
	"POST /mapping reproject": "mapping apply --reproject",
	"POST /mapping/rollback":  "mapping rollback",

	"POST /reprojections plan":        "reproject --from --projection --plan",
	"POST /reprojections dryrun":      "reproject --from --projection --dry-run --sample",
	"POST /reprojections start":       "reproject --from --projection --max-load",
	"POST /reprojections resume":      "reproject --resume",
	"POST /reprojections cancel":      "reproject --cancel",
	"POST /reprojections undo":        "reproject --undo",
	"POST /reprojections drop-former": "reproject --drop-former",
	"POST /reprojections verify":      "verify --sample",
	"POST /reprojections dryrun-all":  "reproject --from --projection --max-load --dry-run",
	"POST /reprojections verify-all":  "verify",

	"POST /api/reprojections":             "reproject --from --projection --max-load",
	"POST /api/reprojections/plan":        "reproject --from --projection --plan",
	"POST /api/reprojections/resume":      "reproject --resume",
	"POST /api/reprojections/cancel":      "reproject --cancel",
	"POST /api/reprojections/undo":        "reproject --undo",
	"POST /api/reprojections/drop-former": "reproject --drop-former",
	"POST /api/reprojections/dry-run":     "reproject --from --projection --max-load --dry-run",
	"POST /api/reprojections/verify":      "verify --projection",

	"POST /settings/try": ofSenders,

	"POST /settings create":          "keys create --signing-secret-file",
	"POST /settings rotate":          "keys rotate",
	"POST /settings revoke":          "keys revoke",
	"POST /settings revoke-replaced": "keys revoke --replaced",
	"POST /settings add-secret":      "keys secrets add --signing-secret-file",
	"POST /settings remove-secret":   "keys secrets remove",
	"POST /settings create-reader":   "readers create",
	"POST /settings remove-reader":   "readers remove",
}

// TestConsoleDoesWhatCommandsDo: all that the console changes, a command changes
// too, so that nothing needs a browser.
func TestConsoleDoesWhatCommandsDo(t *testing.T) {
	t.Parallel()
	want := changes(t)
	for _, change := range want {
		command, ok := commandOf[change]
		if !ok {
			t.Errorf("%s has no command: add it to relay, and to this table", change)
		}
		if missing := missingIn(newApp(io.Discard, io.Discard).Commands, command); command != "" && missing != "" {
			t.Errorf("%s is said to be relay %s, but there is no %s", change, command, missing)
		}
	}
	for change := range commandOf {
		if !slices.Contains(want, change) {
			t.Errorf("the console has no %s", change)
		}
	}
}

// changes returns the routes that change something, one for each button.
func changes(t *testing.T) (list []string) {
	t.Helper()
	buttons := buttonsOf(t)
	for _, pattern := range console.Routes() {
		method, path, found := strings.Cut(pattern, " ")
		switch {
		case !found && pattern == "/": // what there is not, and the gate before the rest
		case !found || method != "GET" && method != "POST":
			t.Errorf("the route %q changes something, or may", pattern)
		case method == "POST" && len(buttons[path]) == 0:
			list = append(list, pattern)
		case method == "POST":
			for _, button := range buttons[path] {
				list = append(list, pattern+" "+button)
			}
		}
	}
	return list
}

// formParts are what a form is made of: its address, a button, its end.
var formParts = regexp.MustCompile(`<form method="post" action="([^"]*)"|name="do" value="([^"]*)"|</form>`)

// buttonsOf returns what the pages' buttons ask of each address.
func buttonsOf(t *testing.T) map[string][]string {
	t.Helper()
	pages, err := filepath.Glob("../../adapters/console/templates/*.html")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	out := map[string][]string{}
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		addButtons(t, page, string(content), out)
	}
	return out
}

// addButtons adds a page's buttons. One that stands in a part of the page, outside
// of any form, is of the only address that the page posts to.
func addButtons(t *testing.T, page, content string, out map[string][]string) {
	t.Helper()
	parts := formParts.FindAllStringSubmatch(content, -1)
	var addresses []string
	for _, part := range parts {
		if address := part[1]; address != "" && !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	within := ""
	for _, part := range parts {
		button := part[2]
		if button == "" {
			within = part[1] // none after the form's end
			continue
		}
		address := within
		if address == "" && len(addresses) == 1 {
			address = addresses[0]
		}
		if address == "" {
			t.Fatalf("%s: the button %s is in no form, and the page posts to %v", page, button, addresses)
		}
		if !slices.Contains(out[address], button) {
			out[address] = append(out[address], button)
		}
	}
}

// missingIn returns the first word of a command line that the commands have not.
func missingIn(commands []*cli.Command, line string) string {
	var flags []cli.Flag
	for _, word := range strings.Fields(line) {
		if name, isFlag := strings.CutPrefix(word, "--"); isFlag {
			if find(flags, name) == nil {
				return word
			}
			continue
		}
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(word) })
		if i < 0 {
			return word
		}
		commands, flags = commands[i].Subcommands, commands[i].Flags
	}
	if len(commands) > 0 {
		return "command in that group"
	}
	return ""
}
