package embeddedpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVersionOfTheCluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "postgres", "PG_VERSION"), "9\n")
	_, err := Open(t.Context(), Config{DataDir: dir, Repository: "http://127.0.0.1:1"})
	wantError(t, err, "of PostgreSQL 9 ")
}

func TestFoldersThatCannotBe(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Config{})
	wantError(t, err, "--data-dir")
	_, err = Open(t.Context(), Config{DataDir: "line\nbreak"})
	wantError(t, err, "--data-dir")
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	_, err = Open(t.Context(), Config{DataDir: file})
	wantError(t, err, "--data-dir")
}

// TestNamedBinaries: the folder, the folder above it, the program, and links to
// each name one installation.
func TestNamedBinaries(t *testing.T) {
	t.Parallel()
	found := bestOf(candidates(t.TempDir()), 0)
	if found.dir == "" {
		t.Skip("there are no PostgreSQL binaries here")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(found.dir, "postgres"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{found.dir, filepath.Dir(found.dir), filepath.Join(found.dir, "postgres"), link} {
		got, err := namedInstallation(name)
		if err != nil || got.major != found.major || !sameFile(got.dir, found.dir) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, found)
		}
	}
	if _, err := namedInstallation(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestVersionsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		major, want int
		text        string
	}{{13, 0, "relay needs 14 or later"}, {16, 15, "pg_upgrade"}, {15, 15, ""}, {14, 0, ""}} {
		err := checkVersion(c.major, c.want)
		if (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("binaries %d for a cluster of %d: %v, want %q", c.major, c.want, err, c.text)
		}
	}
}

func TestSettingsAreQuoted(t *testing.T) {
	t.Parallel()
	want := "a = 'it''s \\\\ here'\n"
	if got := settingsFile(map[string]string{"a": `it's \ here`}); !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q at its end", got, want)
	}
}

// TestLogIsBounded: a log that has grown is put aside, even under a server that
// writes to it.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	c := newCluster(t.TempDir(), Config{})
	log, err := c.openLog()
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteString(strings.Repeat("line\n", maxLog/5+1)); err != nil {
		t.Fatal(err)
	}
	c.boundLog()
	if _, err := log.WriteString("after\n"); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(c.logFile()); err != nil || string(now) != "after\n" {
		t.Errorf("%d bytes in the log, %v", len(now), err)
	}
	if info, err := os.Stat(c.logFile() + ".1"); err != nil || info.Size() < maxLog {
		t.Errorf("what was put aside: %v, %v", info, err)
	}
	if got := tail(c.logFile(), 0); !strings.HasSuffix(got, "\nafter") {
		t.Errorf("tail %q", got)
	}
}
