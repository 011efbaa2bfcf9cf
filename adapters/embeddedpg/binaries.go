package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldest is the oldest major version that relay works with.
const oldest = 14

// installation is a folder with initdb and postgres.
type installation struct {
	dir   string
	major int
}

// installFolders are where packages put PostgreSQL.
var installFolders = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/lib/postgresql*/bin", "/usr/libexec/postgresql*",
	"/usr/lib64/postgresql-*/bin", "/usr/local/pgsql/bin", "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin", "/opt/local/lib/postgresql*/bin", "/Library/PostgreSQL/*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin", "/opt/bitnami/postgresql/bin",
}

// findInstallation returns PostgreSQL's binaries, downloading them if need be.
// want, if not 0, is the version of the cluster that exists.
func findInstallation(ctx context.Context, config Config, dataDir string, want int, logger *slog.Logger) (installation, error) {
	if config.BinDir != "" {
		found, err := namedInstallation(config.BinDir)
		if err != nil {
			return installation{}, fmt.Errorf("RELAY_POSTGRES_BIN names %s, where PostgreSQL's binaries are not to be used: %w", config.BinDir, err)
		}
		return found, checkVersion(found.major, want)
	}
	found := bestOf(candidates(dataDir), want)
	unfit := checkVersion(found.major, want)
	if found.dir != "" && unfit == nil {
		return found, nil
	}
	fetched, err := download(ctx, config.Repository, downloadDir(dataDir), want, logger)
	switch {
	case err == nil:
		return fetched, checkVersion(fetched.major, want)
	case found.dir != "":
		return installation{}, fmt.Errorf("%w (found in %s; the right ones cannot be downloaded: %w)", unfit, found.dir, err)
	}
	return installation{}, fmt.Errorf("no PostgreSQL binaries on PATH or in the usual folders, and they cannot be downloaded; "+
		"install PostgreSQL, name its folder in RELAY_POSTGRES_BIN, or a server in RELAY_DATABASE_URL: %w", err)
}

// namedInstallation takes a folder of binaries, the folder above it, or the
// postgres binary, which may be a link.
func namedInstallation(path string) (installation, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return installation{}, err
	}
	if info, err := os.Stat(real); err != nil {
		return installation{}, err
	} else if !info.IsDir() {
		return inspect(filepath.Dir(real))
	}
	found, err := inspect(real)
	if errors.Is(err, fs.ErrNotExist) {
		if below, err := inspect(filepath.Join(real, "bin")); err == nil {
			return below, nil
		}
	}
	return found, err
}

func checkVersion(major, want int) error {
	switch {
	case major < oldest:
		return fmt.Errorf("PostgreSQL %d was found; relay needs %d or later", major, oldest)
	case want != 0 && major != want:
		return fmt.Errorf("the data folder is of PostgreSQL %d and the binaries found are of %d; "+
			"name the folder of version %d in RELAY_POSTGRES_BIN, or upgrade the cluster with pg_upgrade", want, major, want)
	}
	return nil
}

// candidates lists folders that may hold the binaries, the preferred first.
func candidates(dataDir string) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range append(slices.Clone(installFolders), filepath.Join(downloadDir(dataDir), "*", "bin")) {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		slices.Reverse(found)              // newer versions first
		dirs = append(dirs, found...)
	}
	return dirs
}

// bestOf returns the first installation of the wanted version, or else the
// first that can be used at all.
func bestOf(dirs []string, want int) (best installation) {
	for _, dir := range dirs {
		found, err := inspect(dir)
		if err != nil {
			continue
		}
		if found.major == want {
			return found
		}
		if best.dir == "" || best.major < oldest && found.major >= oldest {
			best = found
		}
	}
	return best
}

var majorVersion = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// inspect returns the installation in a folder.
func inspect(dir string) (installation, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return installation{}, fmt.Errorf("%s has no initdb: %w", dir, err)
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return installation{}, fmt.Errorf("run %s/postgres: %w", dir, err)
	}
	found := majorVersion.FindSubmatch(out)
	if found == nil {
		return installation{}, fmt.Errorf("%s/postgres does not tell its version: %q", dir, out)
	}
	major, err := strconv.Atoi(string(found[1]))
	return installation{dir: dir, major: major}, err
}

// toolDir is the folder of the binaries that the server was started with.
func (c *cluster) toolDir() string {
	if c.server.dir != "" {
		return c.server.dir
	}
	data, err := os.ReadFile(filepath.Join(c.dir, "postmaster.opts")) // path "argument" …
	if err != nil {
		return ""
	}
	path, _, _ := strings.Cut(string(data), ` "`)
	return filepath.Dir(strings.TrimSpace(path))
}
