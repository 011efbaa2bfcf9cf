package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// downloads are the versions that can be downloaded.
var downloads = map[int]embeddedpostgres.PostgresVersion{
	14: embeddedpostgres.V14, 15: embeddedpostgres.V15, 16: embeddedpostgres.V16, 17: embeddedpostgres.V17, 18: embeddedpostgres.V18,
}

// preferred is the version for a new cluster.
const preferred = 16

// rootDownloads is where binaries are put when relay runs as root: the server
// runs as another user, who may not be let into root's data folder.
var rootDownloads = "/var/cache/relay/postgres-binaries"

func downloadDir(dataDir string) string {
	if os.Geteuid() == 0 {
		return rootDownloads
	}
	return filepath.Join(dataDir, "postgres-binaries")
}

// download puts binaries into a folder of their version below dir. They appear
// there whole or not at all: others may look for them meanwhile.
func download(ctx context.Context, repository, dir string, want int, logger *slog.Logger) (installation, error) {
	if want == 0 {
		want = preferred
	}
	version, ok := downloads[want]
	if !ok {
		return installation{}, fmt.Errorf("PostgreSQL %d is not among the versions that can be downloaded", want)
	}
	logger.Info("PostgreSQL is downloaded, once", "version", string(version), "into", dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return installation{}, fmt.Errorf("make the folder for PostgreSQL's binaries: %w", err)
	}
	scratch, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return installation{}, fmt.Errorf("make a folder for PostgreSQL's binaries: %w", err)
	}
	defer os.RemoveAll(scratch)
	unpacked := filepath.Join(scratch, "unpacked")
	if err := fetch(ctx, repository, version, scratch, unpacked); err != nil {
		return installation{}, err
	}
	if err := openToAll(unpacked); err != nil {
		return installation{}, fmt.Errorf("let the server's user read PostgreSQL's binaries: %w", err)
	}
	place := filepath.Join(dir, string(version))
	if err := os.Rename(unpacked, place); err != nil && !errors.Is(err, fs.ErrExist) { // another was quicker
		return installation{}, fmt.Errorf("put PostgreSQL's binaries in their place: %w", err)
	}
	found, err := inspect(filepath.Join(place, "bin"))
	if err != nil {
		return installation{}, fmt.Errorf("the downloaded PostgreSQL cannot be used: %w", err)
	}
	return found, nil
}

// fetch lets the library download, check and unpack the binaries. It does so
// only as the first part of starting a server of its own; a data folder that
// cannot be made, since it would stand in a file, ends that part there.
func fetch(ctx context.Context, repository string, version embeddedpostgres.PostgresVersion, scratch, unpacked string) error {
	file := filepath.Join(scratch, "no-folder")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return fmt.Errorf("prepare the download: %w", err)
	}
	config := embeddedpostgres.DefaultConfig().Version(version).Port(0).Logger(nil).
		BinariesPath(unpacked).DataPath(filepath.Join(file, "data")).
		RuntimePath(filepath.Join(scratch, "runtime")).CachePath(filepath.Join(scratch, "cache"))
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	ended := make(chan error, 1)
	go func() { ended <- embeddedpostgres.NewDatabase(config).Start() }() // it knows no ctx
	var startErr error
	select {
	case <-ctx.Done():
		return fmt.Errorf("download PostgreSQL %s: %w", version, ctx.Err())
	case startErr = <-ended:
	}
	if _, err := os.Stat(filepath.Join(unpacked, "bin", "postgres")); err != nil {
		return fmt.Errorf("download PostgreSQL %s: %w", version, errors.Join(startErr, err))
	}
	return nil
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
