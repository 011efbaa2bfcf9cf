package app_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportsGoInward proves the rule of the layout: domain imports the standard
// library only, projections import domain, app imports both, and an adapter
// imports those and its own libraries, never another adapter.
func TestImportsGoInward(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		for _, imported := range p.Imports {
			if why := forbidden(p.ImportPath, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string // of the package itself, its tests aside
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "relay/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	var packages []goPackage
	for {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages; the rule was not checked", len(packages))
	}
	return packages
}

// forbidden says why a package may not import another; empty: it may.
func forbidden(importer, imported string) string {
	if strings.HasSuffix(importer, "test") {
		return "" // it serves tests alone
	}
	from, to := layer(importer), layer(imported)
	outside := to == "" && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
	switch {
	case from == "domain" && (outside || to != "" && to != "domain"):
		return "domain imports the standard library only"
	case from == "projections" && (outside || to != "" && to != "domain" && to != "projections"):
		return "projections import domain only"
	case from == "app" && (to == "adapters" || to == "cmd"):
		return "app knows no adapter"
	case from == "adapters" && to == "adapters" && adapter(importer) != adapter(imported):
		return "an adapter knows no other adapter"
	case from == "adapters" && to == "cmd":
		return "imports go inward"
	case from != "cmd" && imported == "relay/adapters/postgres/logstore":
		return "only cmd chooses where the log is"
	case strings.HasSuffix(imported, "test") && strings.HasPrefix(imported, "relay/"):
		return "it serves tests alone"
	}
	return betweenUseCases(importer, imported)
}

// mayImport lists which other packages of use cases each of them may import,
// beside app itself.
var mayImport = map[string]string{
	"relay/app": "", "relay/app/ingest": "", "relay/app/live": "", "relay/app/lookup": "", "relay/app/refold": "",
	"relay/app/replay": "live refold", "relay/app/erasure": "refold", "relay/app/sample": "replay",
}

// betweenUseCases says why a package of use cases may not import another.
func betweenUseCases(importer, imported string) string {
	other, ok := strings.CutPrefix(imported, "relay/app/")
	if allowed, known := mayImport[importer]; ok && layer(importer) == "app" && !(known && slices.Contains(strings.Fields(allowed), other)) {
		return "it may import app and of its neighbours: " + cmp.Or(allowed, "none")
	}
	if importer == "relay/adapters/postgres/logstore" && strings.HasPrefix(imported, "relay/adapters/postgres/") && imported != "relay/adapters/postgres/wire" {
		return "the log knows nothing of what is made of it"
	}
	return ""
}

// layer returns the top-level folder of a package of this module.
func layer(path string) string {
	rest, ok := strings.CutPrefix(path, "relay/")
	if !ok {
		return ""
	}
	top, _, _ := strings.Cut(rest, "/")
	return top
}

func adapter(path string) string { return strings.Split(path, "/")[2] }
