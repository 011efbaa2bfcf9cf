package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the paths of all Markdown files of the tree, from its root.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			paths = append(paths, strings.TrimPrefix(path, root+"/"))
		}
	}
	if len(paths) < 10 {
		t.Fatalf("found %d documents: %v", len(paths), paths)
	}
	return paths
}

var (
	fence = regexp.MustCompile("(?ms)^```.*?^```$")
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// TestLinks: every relative link leads to a file or folder of the tree, and
// every anchor to a heading of its document.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, path), ""), -1) {
			if target := found[1]; !strings.Contains(target, "://") {
				checkLink(t, path, target)
			}
		}
	}
}

func checkLink(t *testing.T, from, target string) {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = filepath.Join(filepath.Dir(from), file)
	}
	if strings.HasPrefix(to, "..") {
		t.Errorf("%s: the link %s leads out of the tree", from, target)
		return
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		t.Errorf("%s: the link %s leads to nothing", from, target)
		return
	}
	if anchor != "" && !slices.Contains(anchors(read(t, to)), anchor) {
		t.Errorf("%s: the link %s leads to no heading of %s", from, target, to)
	}
}

var (
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	linkedText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	noAnchor   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors of a document's headings, as hosts of
// repositories make them.
func anchors(text string) (list []string) {
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		plain := linkedText.ReplaceAllString(found[1], "$1")
		list = append(list, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(plain), ""), " ", "-"))
	}
	return list
}
