package embeddedpg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxSocketPath is how long a socket's path may be on every system.
const maxSocketPath = 100

// socketDir is where a new server puts its socket: the cluster's folder, or
// where that path is too long for a socket or holds a comma, which separates
// hosts, one of this machine's temporary folders.
func (c *cluster) socketDir() string {
	if len(filepath.Join(c.dir, ".s.PGSQL."+port)) <= maxSocketPath && !strings.Contains(c.dir, ",") {
		return c.dir
	}
	sum := sha256.Sum256([]byte(c.password + c.dir)) // no other user can know the name in advance
	return filepath.Join("/tmp", "relay-"+hex.EncodeToString(sum[:8]))
}

func (c *cluster) makeSocketDir() error {
	dir := c.socketDir()
	if dir == c.dir {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err == nil {
		return c.user.own(dir)
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the socket's folder: %w", err)
	}
	return c.checkSocketDir(dir)
}

// checkSocketDir refuses a folder that somebody else may write to: they could
// answer in the server's place.
func (c *cluster) checkSocketDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the socket's folder: %w", err)
	}
	want := uint32(os.Geteuid())
	if c.user != nil {
		want = c.user.uid
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || owner.Uid != want || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("%s, where the server's socket goes, is not a folder of user %d alone; "+
			"remove it, or name a data folder with a shorter path with --data-dir", dir, want)
	}
	return nil
}

// removeSocketDir leaves nothing behind in the temporary folder.
func (c *cluster) removeSocketDir(dir string) error {
	if dir == "" || dir != c.socketDir() || dir == c.dir {
		return nil
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket's folder: %w", err)
	}
	return nil
}
