package embeddedpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// oldest is the oldest major version that relay works with.
const oldest = 14

// installFolders are where packages put PostgreSQL.
var installFolders = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/usr/local/opt/postgresql*/bin",
	"/opt/homebrew/opt/postgresql*/bin", "/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findBinaries returns a folder with initdb, pg_ctl and postgres, and its major
// version. want, if not 0, is the version of the cluster that exists.
func findBinaries(config Config, dataDir string, want int) (dir string, major int, err error) {
	if config.BinDir != "" {
		dir = config.BinDir
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			dir = filepath.Dir(dir)
		}
		major, err = versionOf(dir)
		if err != nil {
			return "", 0, fmt.Errorf("RELAY_POSTGRES_BIN names %s, where PostgreSQL's binaries are not to be used: %w", config.BinDir, err)
		}
		return dir, major, checkVersion(major, want)
	}
	dir, major = bestOf(candidates(dataDir), want)
	if dir != "" {
		return dir, major, checkVersion(major, want)
	}
	dir = downloadDir(dataDir)
	if err := download(config.Repository, dir); err != nil {
		return "", 0, fmt.Errorf("no PostgreSQL binaries on PATH or in the usual folders, and they cannot be downloaded; install PostgreSQL, name its folder in RELAY_POSTGRES_BIN, or a server in RELAY_DATABASE_URL: %w", err)
	}
	dir = filepath.Join(dir, "bin")
	if major, err = versionOf(dir); err != nil {
		return "", 0, fmt.Errorf("the downloaded PostgreSQL cannot be used: %w", err)
	}
	return dir, major, checkVersion(major, want)
}

func checkVersion(major, want int) error {
	switch {
	case major < oldest:
		return fmt.Errorf("PostgreSQL %d was found; relay needs %d or later", major, oldest)
	case want != 0 && major != want:
		return fmt.Errorf("the data folder is of PostgreSQL %d and the binaries found are of %d; name the folder of version %d in RELAY_POSTGRES_BIN, or upgrade the cluster with pg_upgrade", want, major, want)
	}
	return nil
}

// rootDownloads is where binaries are put when relay runs as root: the server
// runs as another user, who may not be let into root's data folder.
var rootDownloads = "/var/cache/relay/postgres-binaries"

func downloadDir(dataDir string) string {
	if os.Geteuid() == 0 {
		return rootDownloads
	}
	return filepath.Join(dataDir, "postgres-binaries")
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
	for _, pattern := range installFolders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		slices.Reverse(found)              // newer versions first
		dirs = append(dirs, found...)
	}
	return append(dirs, filepath.Join(downloadDir(dataDir), "bin"))
}

// bestOf returns the first folder of the wanted version, or else the first that
// can be used at all.
func bestOf(dirs []string, want int) (dir string, major int) {
	for _, d := range dirs {
		found, err := versionOf(d)
		if err != nil {
			continue
		}
		if found == want {
			return d, found
		}
		if dir == "" || major < oldest && found >= oldest {
			dir, major = d, found
		}
	}
	return dir, major
}

var majorVersion = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// versionOf returns the major version of a folder's binaries.
func versionOf(dir string) (int, error) {
	for _, name := range []string{"initdb", "pg_ctl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return 0, fmt.Errorf("%s has no %s: %w", dir, name, err)
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("run %s/postgres: %w", dir, err)
	}
	found := majorVersion.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("%s/postgres does not tell its version: %q", dir, out)
	}
	return strconv.Atoi(string(found[1]))
}

// download fetches binaries with the library and unpacks them into dir. The
// library can only start a server; whether that works (as root it does not)
// matters less than that the binaries are there.
func download(repository, dir string) error {
	scratch, err := os.MkdirTemp("", "relay-postgres-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	config := embeddedpostgres.DefaultConfig().Version(embeddedpostgres.V16).BinariesPath(dir).
		RuntimePath(filepath.Join(scratch, "runtime")).CachePath(filepath.Join(scratch, "cache")).Port(freePort()).Logger(nil)
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	library := embeddedpostgres.NewDatabase(config)
	startErr := library.Start()
	if startErr == nil {
		startErr = library.Stop()
	}
	if _, err := os.Stat(filepath.Join(dir, "bin", "postgres")); err != nil {
		return errors.Join(startErr, err)
	}
	return openToAll(dir)
}

// openToAll lets the server's user read and run the binaries.
func openToAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Type()&os.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o044
		if mode&0o100 != 0 {
			mode |= 0o011
		}
		return os.Chmod(path, mode)
	})
}
