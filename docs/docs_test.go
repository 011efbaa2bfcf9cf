// Package docs_test keeps what the documents say in step with the tree.
package docs_test

import (
	"os"
	"path/filepath"
	"testing"
)

const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// maxReadme keeps the first page short enough to be read at once, in bytes.
const maxReadme = 12 << 10

func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	if n := len(read(t, "README.md")); n > maxReadme {
		t.Errorf("README.md has %d bytes, more than %d: move something to docs", n, maxReadme)
	}
}
